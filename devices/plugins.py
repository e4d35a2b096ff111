"""A user's own class, named in a scenario as ``package.module:Name``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from devices.errors import DeviceError


def load_plugin(
    path: str, options: Mapping[str, Any], methods: Iterable[str], what: str, **given: Any
) -> Any:
    """An object of the class ``path``, called with ``given`` and ``options`` as keyword arguments.

    Raises ``DeviceError`` when the module or the class is not there, when the class refuses its arguments, or
    when the object lacks one of ``methods``.
    """
    module_name, _, class_name = path.partition(":")
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise DeviceError(
            f"{what} plugin '{path}': cannot import '{module_name}' ({error}); install it or set PYTHONPATH"
        ) from error
    factory = getattr(module, class_name, None)
    if factory is None:
        raise DeviceError(f"{what} plugin '{path}': module '{module_name}' has no '{class_name}'")
    try:
        made = factory(**given, **options)
    except TypeError as error:
        raise DeviceError(f"{what} plugin '{path}': {error}; look at `options`") from error
    missing = [m for m in methods if not callable(getattr(made, m, None))]
    if missing:
        raise DeviceError(f"{what} plugin '{path}': {class_name} lacks {', '.join(missing)}")
    return made
