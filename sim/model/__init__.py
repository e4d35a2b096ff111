"""What happens to an upload, in SimPy: the definition, for readers and for users' own classes.

``life`` is the one page to read; the other files hold the things that it meets on its way.
"""

from sim.model.run import run

__all__ = ["run"]
