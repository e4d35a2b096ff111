"""A server that speaks TLS, phones that trust it, and what is said where they do not meet."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amser.live.client import Address, Connection, TimedOut
from amser.live.errors import LiveError
from amser.live.serving import Listening, run
from tests.amser.live.conftest import Rote, running

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


def _certificate(folder: Path, name: str) -> Listening:
    """A certificate of 127.0.0.1 that signs itself."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    made += ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return Listening(certificate=certificate, key=key)


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Listening:
    return _certificate(tmp_path_factory.mktemp("tls"), "server")


def _address(port: int, ca: Path | None) -> Address:
    return Address.of(f"https://127.0.0.1:{port}", "secret", ca)


def test_uploads_are_answered_over_tls(listening: Listening) -> None:
    """Twice on one connection, with a time-out that the reply outlasts: the payload had arrived long before it."""
    with running(Rote(service_s=0.5), token="secret", listening=listening) as server:
        connection = Connection(_address(server.port, listening.certificate))
        for size in (3200, 64_000):
            reply = connection.post("/v1/recognise?codec=raw", bytes(size), timeout_s=0.25, answer_s=20.0)
            assert (reply.status, reply.content["text"]) == (200, str(size))
        connection.close()


def test_a_payload_that_does_not_arrive_over_tls_is_given_up(listening: Listening) -> None:
    """The session tickets that a server sends first are no sign of life: nobody reads what follows."""
    import socket
    import ssl
    import threading

    assert listening.certificate is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(listening.certificate, listening.key)
    taken: list[ssl.SSLSocket] = []
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        accept = threading.Thread(target=lambda: taken.append(context.wrap_socket(deaf.accept()[0], server_side=True)))
        accept.start()
        connection = Connection(_address(deaf.getsockname()[1], listening.certificate))
        with pytest.raises(TimedOut):
            connection.post("/", bytes(2_000_000), timeout_s=0.5, answer_s=60.0)
        accept.join()
        taken[0].close()


def test_a_stranger_is_not_trusted_and_the_message_says_how(listening: Listening, tmp_path: Path) -> None:
    other = _certificate(tmp_path, "other")
    with running(Rote(), listening=listening) as server:
        for ca in (None, other.certificate):
            with pytest.raises(LiveError, match=r"self.signed.*--ca FILE"):
                Connection(_address(server.port, ca)).get("/healthz")


def test_plain_and_encrypted_do_not_meet(listening: Listening) -> None:
    with running(Rote()) as server, pytest.raises(LiveError, match="no TLS there"):
        Connection(_address(server.port, listening.certificate)).get("/healthz")
    with running(Rote(), listening=listening) as server, pytest.raises(LiveError, match="port"):
        Connection(Address.of(f"http://127.0.0.1:{server.port}")).get("/healthz")


def test_what_is_no_certificate_is_named(listening: Listening, tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("no PEM")
    other = _certificate(tmp_path, "other")
    for bad in (Listening(certificate=junk), Listening(certificate=tmp_path / "none"),
                Listening(certificate=listening.certificate, key=other.key)):  # fmt: skip
        with pytest.raises(LiveError, match=r"--tls-cert .*not a certificate with its key"):
            run(None, bad, lambda url, application: None)  # type: ignore[arg-type]
    for ca in (junk, tmp_path / "none"):
        with pytest.raises(LiveError, match=r"--ca .*not a file of certificates"):
            _address(1, ca)
    with pytest.raises(LiveError, match="not encrypted"):
        Address.of("http://127.0.0.1:1", None, listening.certificate)


def test_a_key_without_a_certificate_is_a_usage_error() -> None:
    from amser.cli.app import app

    found = CliRunner().invoke(app, ["serve", "--tls-key", "x.key"])
    assert found.exit_code != 0 and "--tls-cert" in str(found.exception or found.output)
