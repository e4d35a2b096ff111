"""The testbed with a real server, real phones and a real clock: what a simulation is held against."""
