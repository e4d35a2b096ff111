"""``amser serve`` as its users start it: a process that recognizes with nano."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading

import pytest

from channel.codecs import build_codec
from recognizers.corpora.opening import open_shipped
from tests.amser.live.test_server import get, post

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served():
    command = [sys.executable, "-m", "amser", "serve", "--port", "0", "--largest", "4"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    line = process.stdout.readline()
    if "http://" not in line:
        raise AssertionError(process.stderr.read())
    yield process, int(line.split(":")[2].split("/")[0].split(" ")[0])
    if process.poll() is None:
        process.kill()
        process.wait()


@pytest.mark.parametrize("name", ["raw", "flac", "opus-24", "amser-12.5", "amser-12.5-fp16", "klt-4", "dsr-4.8"])
def test_every_family_of_codecs_is_understood(served, name):
    """nano's words of this sentence are right under all of them (docs/results/wer.md: 0 % of the shipped speech)."""
    corpus = open_shipped()
    spoken = corpus.utterances[0]
    payload = build_codec(name).encode(corpus.load_audio(spoken)).data
    status, body, _ = post(served[1], payload, f"/v1/recognise?codec={name}")
    answer = json.loads(body)
    assert status == 200 and answer["text"] == spoken.text
    assert sum(answer["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)
    assert max(answer["probabilities"], key=answer["probabilities"].get) == answer["emotion"]


def test_a_payload_that_lies_is_refused_alone(served):
    """Its head is a payload's, its frames are none; the other upload of the batch is recognized."""
    corpus = open_shipped()
    good = build_codec("amser-12.5").encode(corpus.load_audio(corpus.utterances[0])).data
    lying = bytearray(good)
    lying[-4:] = b"\x00\x00\xc0\x7f"  # NaN
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda data=data: found.append(post(served[1], data, "/v1/recognise")[0]))
        for data in (bytes(lying), good)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200, 422]


def test_ctrl_c_stops_it_in_order(served):
    process, port = served
    assert get(port, "/healthz")[0] == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert "has been answered" in process.stderr.read()
