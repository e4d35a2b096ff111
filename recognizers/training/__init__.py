"""All that trains: only the command line and the reproduction import it."""
