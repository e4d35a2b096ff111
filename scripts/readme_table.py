"""Write the README's table and picture anew from the quickstart study: ``python scripts/readme_table.py [RESULTS]``.

Without a results folder the study is run first (what is measured or finished already is reused).  Of the README only
the rows between the two ``demo table`` comments change; the picture is docs/img/quickstart.svg.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.study.results import Results

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "img" / "quickstart.svg"
REGION = re.compile(r"(<!-- demo table: begin -->\n)(.*?)(<!-- demo table: end -->)", re.DOTALL)
# Metric, heading, and whether the interval is shown.
COLUMNS = (
    ("payload_mean_bytes", "payload", False),
    ("payload_bitrate_bps", "rate", False),
    ("latency_mean_s", "latency, mean", True),
    ("latency_p95_s", "latency, p95", True),
    ("energy_per_upload_j", "energy per upload", True),
    ("wer", "word errors", True),
)
NAMES = {"raw": "raw", "flac": "FLAC"}
FAMILIES = (("amser-", "AMSER {} %"), ("opus-", "Opus, {} kbit/s"), ("klt-", "mel-klt, {} kbit/s"))


def table(results: Results) -> str:
    """The table in Markdown: one row a codec, in the order of the study."""
    from amser.summary import Summary

    summary = Summary(results.summary, results.parameters)
    lines = [
        "| codec | " + " | ".join(heading for _, heading, _ in COLUMNS) + " | utterances |",
        "| --- |" + " ---: |" * (len(COLUMNS) + 1),
    ]
    for point in summary.points:
        cells = [codec_name(str(point[0]))]
        for metric, _, interval in COLUMNS:
            estimate, scale = summary.get(point, metric), summary.scale(metric)
            if estimate is None:
                cells.append("–")
            else:
                cells.append(f"{estimate.text(scale) if interval else scale.text(estimate.mean)} {scale.unit}")
        heard = summary.get(point, "wer")
        cells.append("–" if heard is None else str(heard.n))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def codec_name(name: str) -> str:
    """``amser-12.5`` as ``AMSER 12.5 %``."""
    for start, text in FAMILIES:
        if name.startswith(start):
            return text.format(name.removeprefix(start))
    return NAMES.get(name, name)


def with_table(readme: str, rows: str) -> str:
    """The README's text with ``rows`` in the place of its table."""
    found, count = REGION.subn(lambda match: match[1] + rows + match[3], readme)
    if count != 1:
        raise SystemExit(f"{README}: the two `demo table` comments are not there, or there more than once")
    return found


def main() -> None:
    """Run or open the study and write the README."""
    sys.path.insert(0, str(ROOT))
    import amser

    results = amser.open_results(sys.argv[1]) if len(sys.argv) > 1 else amser.run("quickstart")
    rows = table(results)
    README.write_text(with_table(README.read_text(encoding="utf-8"), rows), encoding="utf-8")
    amser.plot(results, PICTURE, figure="tradeoff", width="page", force=True)
    print(rows, end="")


if __name__ == "__main__":
    main()
