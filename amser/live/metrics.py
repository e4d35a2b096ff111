"""What the server counts, in Prometheus's text format."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from amser.live.batcher import Batcher, Served

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """Counters of one server; a registry of its own, so that two servers in a process do not add up."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.answers = Counter("amser_requests", "Answers by HTTP status.", ["status"], registry=registry)
        self.codecs = Counter("amser_payloads", "Payloads recognized, by codec.", ["codec"], registry=registry)
        self.payload_bytes = Counter("amser_payload_bytes", "Bytes of payloads recognized.", registry=registry)
        self.speech_s = Counter("amser_speech_seconds", "Seconds of speech recognized.", registry=registry)
        self.died = Counter("amser_accelerator_restarts", "Processes started anew.", registry=registry)
        self.batch = Histogram("amser_batch_size", "Uploads in a batch.", buckets=_SIZES, registry=registry)
        self.stage = Histogram(
            "amser_stage_seconds", "Seconds of an upload's body, queue, service.", ["stage"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._waiting = Gauge("amser_queue_length", "Uploads that wait.", registry=registry)
        self._serving = Gauge("amser_busy_accelerators", "Accelerators that serve a batch.", registry=registry)

    def watch(self, batcher: Batcher[object, object]) -> None:
        """Let the gauges show a queue and its accelerators."""
        self._waiting.set_function(lambda: batcher.waiting)
        self._serving.set_function(lambda: batcher.serving)

    def recognized(self, codec: str, size_bytes: int, frames: int, body_s: float, served: Served[object]) -> None:
        """Count an upload that was answered with its words."""
        self.codecs.labels(codec).inc()
        self.payload_bytes.inc(size_bytes)
        self.speech_s.inc(frames / 100)
        self.stage.labels("body").observe(body_s)
        self.stage.labels("queue").observe(served.started_s - served.arrived_s)
        self.stage.labels("service").observe(served.served_s - served.started_s)

    def text(self) -> bytes:
        """All of it."""
        return generate_latest(self.registry)
