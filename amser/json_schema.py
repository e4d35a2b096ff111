"""The JSON Schema of scenario files, for editors."""

from __future__ import annotations

import json
from typing import Any


def scenario_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of one scenario file.

    It differs from that of ``scenarios.Scenario`` in what the loader adds: ``extends`` names a parent, and a
    file with a parent, like the name of any file, may leave out what would otherwise be required.
    """
    from scenarios import Scenario

    schema = Scenario.model_json_schema(by_alias=True)
    required = [name for name in schema.pop("required", []) if name != "name"]
    schema["properties"] = {
        **schema["properties"],
        "extends": {
            "type": "string",
            "description": "A parent scenario, by file or by name: mappings merge, everything else replaces.",
        },
    }
    schema["anyOf"] = [{"required": required}, {"required": ["extends"]}]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "AMSER scenario",
    }


def schema_text() -> str:
    """The schema as the text that is committed in ``docs/scenario.schema.json``."""
    return json.dumps(scenario_schema(), indent=2, ensure_ascii=False) + "\n"
