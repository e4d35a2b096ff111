"""What a phone's log says, in a few lines."""

from __future__ import annotations

import json
from pathlib import Path

STAGES = (
    ("encode", "spoken_s", "ready_s"),
    ("transfer", "left_s", "arrived_s"),
    ("queue", "arrived_s", "started_s"),
    ("service", "started_s", "served_s"),
    ("reply", "served_s", "replied_s"),
    ("latency", "spoken_s", "replied_s"),
)


def summary(log: str, planned: int) -> str:
    """Uploads answered and mean and longest milliseconds of each stage of those."""
    rows = [json.loads(line) for line in Path(log).read_text(encoding="utf-8").splitlines()]
    answered = [row for row in rows if row["status"] == 200]
    lines = [f"{len(answered)} of {planned} utterances answered"]
    for name, begin, end in STAGES:
        spans = [row[end] - row[begin] for row in answered]
        if spans:
            lines.append(f"{name:<9}mean {1e3 * sum(spans) / len(spans):8.1f} ms  longest {1e3 * max(spans):8.1f} ms")
    errors = {str(row["error"]) for row in rows if row["status"] != 200}
    lines += [f"not answered: {error}" for error in sorted(errors)[:5]]
    return "\n".join(lines) + "\n"
