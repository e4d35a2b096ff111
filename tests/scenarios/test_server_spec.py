"""The server, recognizer and corpus parts of a scenario file."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from scenarios.schema.corpus import CorpusSpec, SyntheticCorpusSpec
from scenarios.schema.server import (
    CalibratedServiceSpec,
    RecognizerSpec,
    ServerSpec,
    TableServiceSpec,
)


def test_defaults_need_nothing() -> None:
    server = ServerSpec()
    assert server.accelerators == 1
    assert server.queue_limit is None
    assert server.service == CalibratedServiceSpec(hardware="host-cpu", model=None)


@pytest.mark.parametrize(
    ("text", "hardware", "model"),
    [
        ("host-cpu", "host-cpu", None),
        ("rtx-2080-ti/turbo", "rtx-2080-ti", "turbo"),
        ("my/gpu.json", "my/gpu.json", None),
    ],
)
def test_a_service_by_name(text: str, hardware: str, model: str | None) -> None:
    service = ServerSpec.model_validate({"service": text}).service
    assert service == CalibratedServiceSpec(hardware=hardware, model=model)


def test_quantities_become_si() -> None:
    server = ServerSpec.model_validate(
        {
            "batching": {"largest": 16, "longest_wait": "50 ms"},
            "service": {"kind": "table", "times": {1: "80 ms", 8: "0.2 s"}},
            "power": {"idle": "15 W", "active": "70 W", "source": "data sheet"},
        }
    )
    assert server.batching.longest_wait == 0.05
    assert isinstance(server.service, TableServiceSpec)
    assert server.service.times == {1: 0.08, 8: 0.2}
    assert server.power is not None and server.power.active == 70.0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"service": {"kind": "constant", "time": 0.1}}, "needs a unit"),
        ({"service": {"kind": "affine"}}, "must be above zero"),
        ({"service": {"kind": "table", "times": {}}}, "at least one batch size"),
        ({"power": {"idle": "80 W", "active": "70 W", "source": "x"}}, "below idle"),
        ({"power": {"idle": "80 W", "active": "90 W"}}, "source"),
        ({"accelerators": 0}, "greater than or equal to 1"),
        ({"gpus": 2}, "gpus"),
    ],
)
def test_faults_are_told(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ServerSpec.model_validate(change)


def test_plugin_recognizer_names_a_class() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(RecognizerSpec)
    spec = adapter.validate_python({"kind": "plugin", "class": "mine.speech:Fast", "options": {"beam": 2}})
    assert spec.class_ == "mine.speech:Fast"
    with pytest.raises(ValidationError, match="class"):
        adapter.validate_python({"kind": "plugin", "class": "mine.speech.Fast"})


def test_corpus_kinds() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(CorpusSpec)
    assert adapter.validate_python({"kind": "shipped"}).limit is None
    assert adapter.validate_python({"kind": "iemocap", "path": "~/IEMOCAP", "limit": 10}).path == "~/IEMOCAP"
    synthetic = adapter.validate_python({"kind": "synthetic", "median": "4 s"})
    assert synthetic == SyntheticCorpusSpec.model_validate({"kind": "synthetic", "median": "4 s"})
    with pytest.raises(ValidationError, match="shortest <= median"):
        adapter.validate_python({"kind": "synthetic", "median": "40 s"})


def test_json_schema_offers_the_short_form() -> None:
    service = ServerSpec.model_json_schema()["properties"]["service"]
    assert service["anyOf"][0]["type"] == "string"
