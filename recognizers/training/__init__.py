"""All that trains or synthesises: only the command line and the reproduction import it."""
