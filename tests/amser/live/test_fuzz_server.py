"""500 requests of the hostile client (``fuzz_server`` sends as many as one likes)."""

from __future__ import annotations

import json

import pytest

from tests.amser.live.conftest import decoding
from tests.amser.live.fuzz_server import fuzz
from tests.amser.live.test_server import get


@pytest.mark.slow
def test_a_hostile_client_leaves_the_server_serving():
    """Payloads are really decoded, in the process that does it in earnest; no answer is a defect of ours."""
    with decoding() as server:
        found = fuzz("127.0.0.1", server.port, 7, 500)
        metrics = get(server.port, "/metrics")[1].decode()
        assert json.loads(get(server.port, "/healthz")[1]) == {"status": "ok"}
    assert sum(found.values()) == 500 and found["200"] > 20 and found["422"] > 50 and found["400"] > 20
    assert not found["500"] and not found["silent"]
    assert "amser_accelerator_restarts_total 0.0" in metrics
    assert "amser_queue_length 0.0" in metrics
