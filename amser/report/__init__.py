"""The HTML report of a study: one self-contained file."""

from amser.report.page import write_report

__all__ = ["write_report"]
