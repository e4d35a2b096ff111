"""The server and its clients, good and bad ones."""

from __future__ import annotations

import http.client
import socket
import threading
import time

import pytest

from amser.live.application import Service
from amser.live.batcher import Rule
from amser.live.decoders import Limits
from amser.live.errors import LiveError
from amser.live.serving import Listening, _listening, run
from tests.amser.live.conftest import NOTHING, running

SPEECH = bytes(2 * 1600)  # 0.1 s of raw audio
PATH = "/v1/recognise?codec=raw"


def post(port: int, body: bytes = SPEECH, path: str = PATH, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), {k.lower(): v for k, v in answer.getheaders()}
    finally:
        connection.close()


def get(port: int, path: str, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_an_upload_is_answered_with_its_stages_in_order(rote):
    import json

    with running(rote) as server:
        status, body, _ = post(server.port)
    answer = json.loads(body)
    stamps = [answer["server"][f"{name}_s"] for name in ("began", "arrived", "started", "served")]
    assert status == 200 and answer["text"] == str(len(SPEECH)) and answer["codec"] == "raw"
    assert stamps == sorted(stamps) and answer["server"]["batch"] == 1


@pytest.mark.parametrize(
    ("body", "path", "status", "reason"),
    [
        (SPEECH, "/v1/recognise", 400, "do not say which codec"),
        (SPEECH, "/v1/recognise?codec=nonsense", 400, "no codec is called"),
        (b"\x51\x00", "/v1/recognise", 422, "payload ends"),
        (b"fLaC", "/v1/recognise", 422, "STREAMINFO"),
        (bytes(40_000), PATH, 413, "at most 1 are taken"),
        (b"", "/v1/recognise", 400, "do not say"),
    ],
)
def test_what_is_no_upload_is_refused_before_it_is_queued(rote, body, path, status, reason):
    with running(rote, limits=Limits(speech_s=1.0)) as server:
        found, text, _ = post(server.port, body, path)
    assert found == status and reason in text.decode()
    assert rote.jobs == 0


def test_a_body_is_refused_by_its_declared_length_and_while_it_comes(rote):
    with running(rote, limits=Limits(body_bytes=1000)) as server:
        status, text, headers = post(server.port, bytes(2000))
        assert status == 413 and b"this one has 2000" in text and headers["connection"] == "close"
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.request(
            "POST", PATH, iter([bytes(400)] * 10), encode_chunked=True, headers={"transfer-encoding": "chunked"}
        )
        answer = connection.getresponse()
        assert answer.status == 413 and b"has more" in answer.read()
        connection.close()
        assert post(server.port, bytes(1000))[0] == 200
    assert rote.jobs == 1


def test_a_token_is_asked_for_everywhere_but_for_health(rote):
    with running(rote, token="s3cret") as server:
        port = server.port
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer s3cret "[:-2]}):
            status, _, found = post(port, **headers)
            assert status == 401 and found["www-authenticate"] == "Bearer"
        assert get(port, "/metrics")[0] == get(port, "/v1/about")[0] == 401
        assert get(port, "/healthz")[0] == 200
        assert post(port, Authorization="Bearer s3cret")[0] == 200
        assert get(port, "/metrics", Authorization="Bearer s3cret")[0] == 200
    assert rote.jobs == 1


def test_others_than_this_machine_want_a_token():
    service = Service(NOTHING, Rule())
    with pytest.raises(LiveError, match="give it a token"):
        run(service, Listening("0.0.0.0", 0), lambda url, application: None)


def test_a_port_that_is_taken_is_one_message():
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(LiveError, match="choose another --port"):
        run(Service(NOTHING, Rule()), Listening(port=other.getsockname()[1]), lambda url, application: None)


def test_a_reply_is_not_held_back_for_its_head() -> None:
    """By Nagle's algorithm its body would wait for a round trip, which asyncio prevents on sockets that say TCP."""
    with _listening(Listening(port=0)) as (sock, _):
        sock.listen()
        with socket.create_connection(sock.getsockname()), sock.accept()[0] as taken:
            assert taken.proto == socket.IPPROTO_TCP


def test_load_is_batched_and_the_queue_is_bounded(rote):
    """One accelerator, batches of 2, a queue of 3: of 12 at once at most 2 + 3 (and what a batch's end lets in) go."""
    rote.service_s = 0.3
    with running(rote, Rule(largest=2, queue_limit=3)) as server:
        found = _together(12, lambda: post(server.port))
        metrics = get(server.port, "/metrics")[1].decode()
    statuses = [status for status, _, _ in found]
    refused = [headers for status, _, headers in found if status == 503]
    assert set(statuses) == {200, 503} and statuses.count(200) == rote.jobs
    assert all(int(headers["retry-after"]) >= 1 for headers in refused)
    assert max(map(len, rote.heard)) == 2
    assert f'amser_requests_total{{status="503"}} {len(refused)}.0' in metrics
    assert f"amser_batch_size_count {float(len(rote.heard))}" in metrics


def test_slow_heads_and_bodies_are_given_up_and_hinder_nobody(rote):
    with running(rote, limits=Limits(head_s=0.3, body_s=0.3)) as server:
        silent = socket.create_connection(("127.0.0.1", server.port))
        half = socket.create_connection(("127.0.0.1", server.port))
        half.sendall(b"POST /v1/recognise?codec=raw HTTP/1.1\r\nHost: x\r\n")
        stalled = socket.create_connection(("127.0.0.1", server.port))
        stalled.sendall(b"POST /v1/recognise?codec=raw HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
        assert post(server.port)[0] == 200
        for client in (silent, half, stalled):
            client.settimeout(20)
        assert silent.recv(1) == b"" and half.recv(1) == b""
        assert stalled.recv(4096).startswith(b"HTTP/1.1 408")
        for client in (silent, half, stalled):
            client.close()
    assert rote.jobs == 1


def test_a_connection_stays_open_between_requests_longer_than_a_head_may_take(rote):
    with running(rote, limits=Limits(head_s=0.2)) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        for _ in range(2):
            connection.request("POST", PATH, SPEECH)
            assert connection.getresponse().read()
            time.sleep(0.5)
        connection.close()


def test_cut_connections_leave_the_server_as_it_was(rote):
    rote.service_s = 0.05
    with running(rote) as server:
        for sent in (b"", b"POST", b"POST /v1/recognise?codec=raw HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"):
            with socket.create_connection(("127.0.0.1", server.port)) as client:
                client.sendall(sent)
        whole = b"POST /v1/recognise?codec=raw HTTP/1.1\r\nHost: x\r\nContent-Length: 320\r\n\r\n" + bytes(320)
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(whole)  # and hangs up before the answer
        assert post(server.port)[0] == 200
        assert server.application.batcher.waiting == 0


def test_a_stop_under_load_answers_all_that_was_taken(rote):
    """Each upload that an accelerator got has its 200; nobody is left waiting."""
    rote.service_s = 0.05
    answered: list[int] = []
    with running(rote, Rule(largest=4, queue_limit=None)) as server:

        def speak() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
            try:
                while True:
                    connection.request("POST", PATH, SPEECH)
                    answer = connection.getresponse()
                    answer.read()
                    answered.append(answer.status)
            except (OSError, http.client.HTTPException):
                return  # the server takes nothing more

        threads = [threading.Thread(target=speak) for _ in range(12)]
        for thread in threads:
            thread.start()
        while len(answered) < 40:
            time.sleep(0.01)
        server.stop()
        for thread in threads:
            thread.join(20)
        assert server.ended.wait(20)
    assert set(answered) == {200} and len(answered) == rote.jobs


def _together(count, call):
    found = []
    threads = [threading.Thread(target=lambda: found.append(call())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found
