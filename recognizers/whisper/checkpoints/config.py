"""The JSON files that lie beside weights of Hugging Face and of CTranslate2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from recognizers.whisper.checkpoints.state import Heads, ModelUnavailable

MOST_BYTES = 1 << 24
"""No configuration and no index of shards comes near this."""


def json_object(file: Path) -> dict[str, Any]:
    """The object in a JSON file.  Raises `ModelUnavailable`."""
    try:
        with file.open("rb") as stream:
            found = json.loads(stream.read(MOST_BYTES))
    except FileNotFoundError as error:
        raise ModelUnavailable(f"{file} is missing: a folder of weights needs it") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelUnavailable(f"{file} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ModelUnavailable(f"{file} holds no object")
    return found


def alignment_heads(file: Path) -> Heads | None:
    """`alignment_heads`, which both write alike; None without the file or the key.  Raises `ModelUnavailable`."""
    found = json_object(file).get("alignment_heads") if file.is_file() else None
    if found is None:
        return None
    try:
        return tuple((int(layer), int(head)) for layer, head in found)
    except (TypeError, ValueError, OverflowError) as error:
        raise ModelUnavailable(f"{file}: alignment_heads are no pairs of a layer and a head") from error
