"""Codecs by name: the standard ones and, where a scenario is given, its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from amser.exits import UserError

if TYPE_CHECKING:
    from channel.codecs import Codec
from scenarios.schema.codec import CodecSpec


def own_codecs(scenario: str | None) -> Mapping[str, CodecSpec]:
    """Codecs that ``scenario`` (a name or a path) defines, importable; none without one.  Raises ``ScenarioError``."""
    if scenario is None:
        return {}
    import scenarios
    from scenarios.paths import make_importable

    experiment = scenarios.load(scenario)
    make_importable(experiment.points[0].scenario, experiment.base_dir)
    return experiment.points[0].scenario.codecs


def codecs_named(names: Iterable[str], scenario: str | None = None, bands: int = 80) -> dict[str, Codec]:
    """Codecs of ``names`` for ``bands`` Mel bands.  Raises ``UserError`` for one that is unknown or unusable."""
    from channel.codecs import STANDARD_CODECS, build_codec
    from scenarios.plugins import PluginError
    from scenarios.validation import suggest

    known = {**STANDARD_CODECS, **own_codecs(scenario)}
    built = {}
    for name in names:
        if name not in known:
            raise UserError(f"there is no codec named '{name}'{suggest(name, list(known))}")
        try:
            built[name] = build_codec(known[name], bands=bands, name=name)
        except (ValueError, PluginError) as error:  # bands that a codec has no basis for, too
            raise UserError(f"codec '{name}': {error}") from error
    return built
