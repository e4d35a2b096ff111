"""What every part of a scenario has in common: it is frozen and refuses keys it does not know."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

PLUGIN_PATH = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"
"""A class of the user's own, ``module:Name`` (see ``scenarios.plugins``)."""


Listed = Field(strict=False)
"""For tuples: a file has lists, and only their items are to be strict."""


class Spec(BaseModel):
    """A part of a scenario file: immutable once read, and strict about its keys and about what a number is.

    ``true`` is no number, ``"40"`` none either, and 2.0 is no whole one: each is more often a slip than meant.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=False,
        use_attribute_docstrings=True,
        strict=True,
        allow_inf_nan=False,
    )


class PluginSpec(Spec):
    """A class of your own."""

    kind: Literal["plugin"]
    """`plugin`: a class that is imported by name."""
    class_: Annotated[str, Field(alias="class", pattern=PLUGIN_PATH)]
    """The class as `package.module:Name`."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the class."""


def kind_short_form(value: Any) -> Any:
    """`sharing: equal` stands for `sharing: {kind: equal}`."""
    return {"kind": value} if isinstance(value, str) else value
