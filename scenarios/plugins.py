"""A user's own classes, named in a scenario as ``module:Name``: found, checked and made in this one place.

A scenario with plugins is code.  Two rules keep it from being any code: a module is taken only from the scenario's
own folder or from an installed package that offers itself as a plugin (entry points of the group ``amser.plugins``),
and nothing in it is called before it is known to be a class of the seam.  Bases are looked for by inheritance and not
by their methods: many a class has a method ``choose``, and a call is what is to be earned.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import sys
import traceback
from collections.abc import Iterator, Mapping
from importlib.machinery import PathFinder
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from scenarios.errors import AmserError

GROUP = "amser.plugins"
"""Entry points of installed packages whose modules a scenario may name."""
T = TypeVar("T")
_folders: list[Path] = []  # those of scenarios at hand, the latest last; process-wide as ``sys.path`` is
_used: set[str] = set()  # top names of modules that plugins were taken from


class PluginError(AmserError):
    """A user's class that cannot be used; names it, and the line of its file where that is known."""


def trust(folder: Path) -> None:
    """Let plugins be modules of ``folder``; what is installed goes first where they import others."""
    folder = folder.resolve()
    if folder in _folders:
        _folders.remove(folder)
    else:
        sys.path.append(str(folder))
    _folders.append(folder)


def make(path: str, base: type[T], what: str, options: Mapping[str, object], **given: object) -> T:
    """An object of the class ``path``, which must inherit from ``base``, made of ``given`` and ``options``.

    Of ``given`` the class is handed all, but ``rng`` only where it asks for it.  Raises ``PluginError``.
    """
    title = f"{what} plugin '{path}'"
    cls = _class(path, base, title)
    try:
        if "rng" in given and "rng" not in inspect.signature(cls).parameters:
            del given["rng"]
        made = cls(**given, **options)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{title} refused its options: {told(error)}") from error
    if not isinstance(made, cls):
        raise PluginError(f"{title} made a {type(made).__name__} of itself; a class must make its own objects")
    lacking = [name for name in _asked(base) if not hasattr(made, name)]
    if lacking:
        raise PluginError(f"{title} lacks {', '.join(lacking)}; see {_spelt(base)}")
    return made


def _class(path: str, base: type[T], title: str) -> type[T]:
    name = path.partition(":")[2]
    module = _module(path, title)
    found = getattr(module, name, None)
    if found is None:
        raise PluginError(f"{title}: {module.__name__} has no '{name}'")
    # Of the ancestors, because issubclass() asks metaclasses and protocols, which may answer anything.
    if type(found).__call__ is not type.__call__ or base not in type.mro(found):
        raise PluginError(f"{title} is not used: '{name}' is no subclass of {_spelt(base)}")
    return found  # type: ignore[no-any-return]


def _module(path: str, title: str) -> ModuleType:
    name = path.partition(":")[0]
    folder = _folder_of(name, title)
    if folder is None and not any(f"{name}.".startswith(f"{e.module}.") for e in entry_points(group=GROUP)):
        places = f"beside the scenario ({_folders[-1]})" if _folders else "beside a scenario"
        raise PluginError(
            f"{title}: cannot be imported: '{name}' is neither {places} nor a package that is installed as a plugin "
            f"(entry point group {GROUP})"
        )
    _used.add(name.partition(".")[0])
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{title} cannot be imported: {told(error)}") from error


def _folder_of(module: str, title: str) -> Path | None:
    """The scenario's folder that holds ``module``; a module of another scenario's folder makes room for it."""
    top = module.partition(".")[0]
    for folder in reversed(_folders):
        if PathFinder.find_spec(top, [str(folder)]) is None:
            continue
        known = sys.modules.get(top)
        if known is not None and not _inside(known, folder) and any(_inside(known, other) for other in _folders):
            for name in [m for m in sys.modules if m == top or m.startswith(f"{top}.")]:
                del sys.modules[name]
        elif not _inside(known, folder) if known is not None else _installed(top):
            raise PluginError(f"{title}: an installed module is called '{top}' too; give yours another name")
        own = [str(f) for f in _folders]
        sys.path[:] = [*(p for p in sys.path if p not in own), *sorted(own, key=str(folder).__ne__)]
        sys.path_importer_cache.pop(str(folder), None)
        return folder
    return None


def _installed(top: str) -> bool:
    elsewhere = [p for p in sys.path if Path(p).resolve() not in _folders]
    return top in sys.stdlib_module_names or PathFinder.find_spec(top, elsewhere) is not None


def _inside(module: ModuleType, folder: Path) -> bool:
    places = [getattr(module, "__file__", None), *(getattr(module, "__path__", None) or ())]
    return any(place and Path(place).resolve().is_relative_to(folder) for place in places)


def _asked(base: type[object]) -> Iterator[str]:
    """What objects of ``base`` must have: of a protocol, the attributes that it only declares."""
    for cls in base.__mro__:
        yield from (name for name in inspect.get_annotations(cls) if not name.startswith("_"))


def _spelt(base: type[object]) -> str:
    package = base.__module__.rpartition(".")[0]
    home = package if getattr(sys.modules.get(package), base.__name__, None) is base else base.__module__
    return f"{home}.{base.__name__}"


def classes(node: object) -> Iterator[str]:
    """Every ``module:Name`` in a scenario that was dumped to plain data, by field name."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "class_" and isinstance(value, str):
                yield value
            else:
                yield from classes(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from classes(value)


def told(error: BaseException) -> str:
    """An error in one line; one that went through a plugin, with its kind and the line of the plugin's file."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {error.msg}"
    place = blamed(error)
    text = f"sys.exit({error.code!r})" if isinstance(error, SystemExit) else " ".join(str(error).split())
    return f"{place}: {type(error).__name__}: {text}" if place else text


def blamed(error: BaseException) -> str:
    """``file:line`` of the plugin that an error went through last; empty where it went through none."""
    places = [
        f"{frame.f_code.co_filename}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).partition(".")[0] in _used
    ]
    return places[-1] if places else ""


def sources(module: str, folder: Path) -> dict[str, Path]:
    """The files of ``folder`` that a plugin's module is made of, by name: its own and those that it imports from there.

    They are read and not run, so that a digest of them costs no trust; empty where the module is not in the folder.
    """
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        parts = waiting.pop().split(".")
        path = folder.joinpath(*parts)
        if len(parts) > 1:
            waiting.append(".".join(parts[:-1]))  # Python runs the packages above first
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            name = file.relative_to(folder).as_posix()
            if name not in found and file.is_file():
                found[name] = file
                waiting += _imported(file, path.relative_to(folder).parts)
    return found


def code_digest(cls: type[object]) -> str:
    """SHA-256 of the files that a plugin's class is made of; empty for one that is installed, and for our own."""
    if cls.__module__.partition(".")[0] not in _used:
        return ""
    files = next((found for f in reversed(_folders) if (found := sources(cls.__module__, f))), None)
    if files is None:
        return ""
    return hashlib.sha256(b"".join(name.encode() + files[name].read_bytes() for name in sorted(files))).hexdigest()


def _imported(file: Path, package: tuple[str, ...]) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError):
        return
    if file.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            start = ".".join((*above, *((node.module,) if node.module else ())))
            yield from (name for name in (start, *(f"{start}.{a.name}".strip(".") for a in node.names)) if name)
