"""An artifact of a study: one ZIP file with the results, what they rest on, the figures, and what regenerates each."""

from amser.bundle.write import write_bundle

__all__ = ["write_bundle"]
