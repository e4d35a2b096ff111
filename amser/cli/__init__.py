"""The command line: ``amser COMMAND``."""

from amser.cli.main import main

__all__ = ["main"]
