"""The frame of a page: one file with its style, its figures and plotly.js, which loads nothing from anywhere."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from amser.version import __version__

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from amser.console import Table

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    # Whatever a template is given is escaped, unless it is the output of another template.
    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def filled(template: str, **values: object) -> Markup:
    """A template of ``templates/`` with its values, which are escaped."""
    return Markup(_environment().get_template(template).render(**values))


def page(title: str, description: str, facts: Sequence[str], sections: Sequence[Markup], footer: str | Markup) -> str:
    """A whole page; sections are the output of templates."""
    return filled(
        "page.html",
        version=__version__,
        title=title,
        description=description,
        facts=facts,
        sections=[section for section in sections if section],
        footer=footer,
        style=(TEMPLATES / "style.css").read_text(encoding="utf-8"),
        script=(TEMPLATES / "page.js").read_text(encoding="utf-8"),
        library=library(),
    )


def drawing(figure: go.Figure, name: str) -> Markup:
    """A figure as the page's script draws it; ``name`` is the id of its element."""
    height = figure.layout.height or 450
    script = f'<script type="application/octet-stream">{packed(str(figure.to_json()))}</script>'
    return Markup(f'<div class="plot" id="{name}" style="min-height:{height}px">{script}</div>')


def table(content: Table, look: str = "") -> Markup:
    """``content`` as HTML."""
    return filled("table.html", table=content, look=look)


@cache
def library() -> str:
    """plotly.js, packed.

    The whole library is 4.8 MB; so it is 1.8, and a page stays one file that a mail takes.  Its smaller bundles do not
    come with the Python package, and a file of its own beside the page would be lost when the page is sent on.
    """
    from plotly.offline import get_plotlyjs

    return packed(get_plotlyjs())


def packed(text: str) -> str:
    """``text`` compressed: its length in bytes, a blank, and base 85 with a comma for ``<``, which HTML might read."""
    data = gzip.compress(text.encode(), compresslevel=9, mtime=0)
    padded = data + b"\0" * (-len(data) % 4)
    return f"{len(data)} {base64.b85encode(padded).decode().replace('<', ',')}"


def unpacked(text: str) -> str:
    """What ``packed`` was given."""
    size, data = text.split(" ")
    return gzip.decompress(base64.b85decode(data.replace(",", "<"))[: int(size)]).decode()
