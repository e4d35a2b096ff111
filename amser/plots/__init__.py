"""Figures for papers, drawn from a results folder with matplotlib: PDF, SVG and PNG.

The report's figures are for looking around in a browser; these are for print: the widths of a column and of a page,
marks and dashes that survive grey, fonts that a publisher accepts.
"""

from amser.plots.plot import plot

__all__ = ["plot"]
