"""The simulation: the model in SimPy, the same compiled, and the studies that run either."""
