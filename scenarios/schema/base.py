"""What every part of a scenario has in common: it is frozen and refuses keys it does not know."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

PLUGIN_PATH = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"
"""A class of the user's own, ``module:Name`` (see ``scenarios.plugins``)."""


class Spec(BaseModel):
    """A part of a scenario file: immutable once read, and strict about its keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=False, use_attribute_docstrings=True
    )
