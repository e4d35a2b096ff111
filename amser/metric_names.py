"""Names of metrics as axes and tables show them, and which of them are better when higher."""

from __future__ import annotations

METRIC_TITLES = {
    "payload_bitrate_bps": "payload rate",
    "payload_mean_bytes": "mean payload",
    "wire_mean_bytes": "mean bytes on the wire",
    "energy_per_upload_j": "device energy per upload",
    "latency_mean_s": "mean latency",
    "latency_p50_s": "median latency",
    "latency_p95_s": "95th percentile of latency",
    "latency_p99_s": "99th percentile of latency",
    "wer": "word error rate",
    "ser_accuracy": "emotion accuracy",
    "ser_f1_weighted": "emotion F1, weighted",
    "ser_f1_macro": "emotion F1, macro",
    "delivered_fraction": "uploads delivered",
    "uplink_utilisation": "uplink utilisation",
    "server_utilisation": "server utilisation",
    "battery_lifetime_s": "battery life",
    "battery_day_share": "charge of the battery a day",
    "device_idle_power_w": "mean power of an idle device",
    "device_power_w": "mean device power",
}
_HIGHER = ("ser_", "delivered_fraction", "battery_lifetime_s")


def higher_is_better(metric: str) -> bool:
    """Whether more of ``metric`` is what a user wants."""
    return metric.startswith(_HIGHER)
