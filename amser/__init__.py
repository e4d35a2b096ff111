"""AMSER testbed: mobile speech uploads to a recognising edge server."""

__version__ = "0.1.0"
