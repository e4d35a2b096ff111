"""What the figures of a study mean, and what stands in the files of its results folder.

One place for both: `amser list metrics` and the reference of the documentation print it, and a test holds it complete
against what a run writes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

STAGES = "encode|hold|wake|access|transfer|backhaul|queue|service|reply"


@dataclass(frozen=True)
class Metric:
    """A figure of ``summary.csv``, or a family of them.  ``pattern``: of the whole name."""

    pattern: str
    shown: str
    formula: str


METRICS: tuple[Metric, ...] = (
    Metric("uploads", "uploads", "utterances spoken after the warm-up and before `duration`, whatever their outcome"),
    Metric("delivered_fraction", "delivered_fraction", "uploads whose reply came in time / `uploads`"),
    Metric(
        "(lost|rejected|late|battery-dead|unfinished)_fraction",
        "lost_fraction, rejected_fraction, late_fraction, battery-dead_fraction, unfinished_fraction",
        "uploads with that outcome / `uploads`",
    ),
    Metric(
        "latency_mean_s",
        "latency_mean_s",
        "mean over uploads with a reply, late ones included, of reply time minus end of speech",
    ),
    Metric(
        "latency_drift",
        "latency_drift",
        "(mean latency of the later half - of the earlier half) / their sum: about what an empty start leaves",
    ),
    Metric(
        r"latency_p\d+_s",
        "latency_p50_s, latency_p95_s, latency_p99_s",
        "percentiles of the same latencies, of all replications together",
    ),
    Metric(
        f"stage_({STAGES})_mean_s",
        "stage_encode_mean_s ... stage_reply_mean_s",
        "mean time in that stage over uploads with a reply; the nine stages sum to `latency_mean_s`",
    ),
    Metric(
        "energy_per_upload_j",
        "energy_per_upload_j",
        "joules of the device that uploads caused / uploads sent (of which a byte left)",
    ),
    Metric(
        "energy_(encode|wake|transmit|tail|receive)_j",
        "energy_encode_j, energy_wake_j, energy_transmit_j, energy_tail_j, energy_receive_j",
        "its parts: computing, waking the radio, sending, keeping it awake afterwards, receiving the reply",
    ),
    Metric(
        "energy_(encode|wake|transmit|tail|receive|per_upload)_(low|high)_j",
        "energy_per_upload_low_j, energy_per_upload_high_j, energy_tail_low_j ...",
        "the ends that remembered and assumed figures leave open, of the sum and of each part that has such ends",
    ),
    Metric(
        "energy_server_j",
        "energy_server_j",
        "the server's joules for a batch, shared by its uploads; no part of the above",
    ),
    Metric("payload_mean_bytes", "payload_mean_bytes", "bytes of the codec's payload / uploads coded"),
    Metric("wire_mean_bytes", "wire_mean_bytes", "bytes on the link with headers and retransmissions / uploads sent"),
    Metric("payload_bitrate_bps", "payload_bitrate_bps", "8 x payload bytes / seconds of speech that was coded"),
    Metric("batch_mean", "batch_mean", "mean size of the server's batches, over batches"),
    Metric("batch_seen_mean", "batch_seen_mean", "mean size of the batch that an upload with a reply was served in"),
    Metric(
        "wer",
        "wer",
        "(substitutions + deletions + insertions) / reference words, each summed over uploads with a reply",
    ),
    Metric("ser_accuracy", "ser_accuracy", "uploads whose emotion was recognized / those with a label"),
    Metric("ser_unweighted_accuracy", "ser_unweighted_accuracy", "mean of the classes' recalls"),
    Metric("ser_f1_weighted", "ser_f1_weighted", "mean of the classes' F1, weighted by their labels"),
    Metric("ser_f1_macro", "ser_f1_macro", "mean of the classes' F1"),
    Metric("warmup_s", "warmup_s", "speech before this is simulated and not counted"),
    Metric("uplink_utilisation", "uplink_utilisation", "what the cells carried / what they could, over `duration`"),
    Metric("handovers_per_upload", "handovers_per_upload", "handovers while an upload was sent / uploads sent"),
    Metric("interrupted_mean_s", "interrupted_mean_s", "seconds in which nothing passed at handovers / uploads sent"),
    Metric("server_utilisation", "server_utilisation", "busy seconds of accelerators / (their number x `duration`)"),
    Metric("device_idle_power_w", "device_idle_power_w", "power that the mean device draws without any upload"),
    Metric("device_power_w", "device_power_w", "that and what uploads add, of the mean device"),
    Metric(
        "(device_power_(low|high)_w|battery_lifetime_(low|high)_s)",
        "device_power_low_w, device_power_high_w, battery_lifetime_low_s, battery_lifetime_high_s",
        "the ends that remembered and assumed figures leave open",
    ),
    Metric(
        "battery_lifetime_s",
        "battery_lifetime_s",
        "how long a full battery lasts at that power, in the group where that is shortest",
    ),
    Metric("battery_day_share", "battery_day_share", "what a day takes of a charge there, where `battery` is followed"),
    Metric(
        "uplink_growth_.+|server_growth",
        "uplink_growth_CELL, server_growth",
        "uploads that came / uploads that left, in the second half of the run: 1 where the queue is stable; above 1 it "
        "grows, and means depend on `duration`",
    ),
    Metric("events_per_upload", "events_per_upload", "events that the engine handled / uploads"),
)
"""In the order of ``summary.csv``."""

FILES: dict[str, str] = {
    "manifest.json": "what was run: versions, source digest, inputs and their digests, points, engine, warnings, times",
    "scenario.yaml": "the scenario as it was given",
    "resolved.yaml": "the same after `extends` and overrides, in one file that runs by itself",
    "summary.csv": "one row a point and metric; a swept quantity also as a number, its SI unit in the column's name",
    "summary.json": "the same as JSON records",
    "differences.csv": "each point minus the sweep's first codec, paired by replication or utterance",
    "measurements.parquet": "one row an utterance and codec: what was measured, see `docs/measurement.md`",
    "report.html": "the report, one file that needs no network",
    "points/KEY-sSEED/uploads.parquet": "the upload log of one replication, as far as `log` keeps it",
    "points/KEY-sSEED/groups.parquet": "uploads, energy and latency by device group and codec, also without a log",
    "points/KEY-sSEED/recognized.parquet": "uploads by utterance and codec, from which accuracy is computed",
    "points/KEY-sSEED/latencies.parquet": "latencies and how many uploads had each, for percentiles",
    "points/KEY-sSEED/metrics.json": "the metrics of one replication",
    "points/KEY-sSEED/status.json": "written last: sizes and digests of the files beside it",
}

UPLOAD_COLUMNS: dict[str, str] = {
    "upload": "number of the upload, in order of speech",
    "device": "number of the device within the fleet",
    "group": "device group",
    "utterance": "utterance of the corpus",
    "codec": "codec that the policy picked",
    "outcome": "delivered, late, lost, rejected, battery-dead or unfinished",
    "speech_end_s": "when the speaker stopped, since the start of the run",
    "encode_s": "waiting for the device's CPU and encoding",
    "hold_s": "held back by the policy",
    "wake_s": "waking the radio",
    "access_s": "scheduling request and grant, or contention",
    "transfer_s": "from the first bit to the last on the shared link",
    "backhaul_s": "gateway to server",
    "queue_s": "waiting for a batch",
    "service_s": "recognition of the batch",
    "reply_s": "server to device",
    "latency_s": "sum of the stages; NaN without a reply",
    "encode_j": "joules of encoding",
    "wake_j": "joules of waking the radio",
    "transmit_j": "joules of the radio while it sends",
    "tail_j": "joules of the radio after the last byte, as far as this upload caused them",
    "receive_j": "joules of receiving the reply",
    "energy_j": "sum of the device's joules",
    "server_j": "this upload's share of the batch's joules",
    "payload_bytes": "bytes of the payload",
    "wire_bytes": "bytes on the link",
    "batch": "size of the batch",
    "radio_gap_s": "how long the radio had been quiet",
    "radio_active_s": "how long it was active for this upload",
    "handovers": "how often the phone went on in another cell while it sent this",
    "interrupted_s": "how long nothing passed at handovers meanwhile, a part of transfer",
}


def formula_of(metric: str) -> str:
    """What a metric is; empty where the glossary has none."""
    return next((m.formula for m in METRICS if re.fullmatch(m.pattern, metric)), "")
