"""The version of the project, which everything that is written says."""

__version__ = "0.1.0"
