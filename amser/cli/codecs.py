"""``amser study codecs``: every codec on a corpus, against bit rate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amser.cli.options import Json, Limit
from amser.console import Table, print_json
from scenarios.errors import Exit

if TYPE_CHECKING:
    import pandas as pd


def codecs(
    corpus: Annotated[
        str, typer.Option(metavar="DIR", help="A corpus's folder, a manifest, or one that ships.")
    ] = "librispeech",
    recognizer: Annotated[
        str, typer.Option(metavar="MODEL", help="A Whisper by name or path, `sphinx`, or `none`.")
    ] = "tiny.en",
    emotion: Annotated[
        str, typer.Option(metavar="NETWORK", help="An emotion network by name or path, or `none`.")
    ] = "none",
    codec: Annotated[
        list[str] | None,
        typer.Option("--codec", "-c", metavar="NAME", help="A codec to compare; repeatable."),
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option(metavar="SCENARIO", help="A scenario whose own codecs are compared too."),
    ] = None,
    limit: Limit = None,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Where codecs.csv, measurements and plots go."),
    ] = Path("results/codecs"),
    json: Json = False,
) -> int:
    """Compare codecs on a corpus: WER, emotion accuracy and Mel SNR against kbit/s, with intervals."""
    from amser.codec_study import run_codec_study

    frame = run_codec_study(corpus, recognizer, emotion, codec, limit, scenario)
    output.mkdir(parents=True, exist_ok=True)
    frame.to_csv(output / "codecs.csv", index=False)
    equal: pd.DataFrame = frame.attrs["equal_bytes"]
    if len(equal):
        equal.to_csv(output / "equal-bytes.csv", index=False)
    measurements: pd.DataFrame = frame.attrs["measurements"]
    measurements.attrs = {}
    measurements.to_parquet(output / "measurements.parquet")

    from amser.report.rate_curves import rates_page

    page = output / "codecs.html"
    page.write_text(rates_page(frame), encoding="utf-8")
    if json:
        print_json(frame.to_dict(orient="records"))
        return Exit.DONE
    _table(frame)
    _equal_table(equal)
    sys.stdout.write(f"\nfigures  {output / 'codecs.csv'}\nplots    {page}\n")
    return Exit.DONE


def _table(frame: pd.DataFrame) -> None:
    metrics = list(dict.fromkeys(frame["metric"]))
    units = dict(zip(frame["metric"], frame["unit"], strict=True))
    rows: dict[str, dict[str, Any]] = {}
    for record in frame.to_dict(orient="records"):
        row = rows.setdefault(str(record["codec"]), {"rate": f"{record['rate_kbps']:.1f}"})
        ends = f" ({record['low']:.1f} to {record['high']:.1f})" if record["low"] == record["low"] else ""
        row[str(record["metric"])] = f"{record['value']:.1f}{ends}"
        row["n"] = f"{record['n']}"
    heads = [f"{m.replace('_', ' ')} [{units[m]}]" for m in metrics]
    body = [[name, row["rate"], *(row.get(m, "–") for m in metrics), row["n"]] for name, row in rows.items()]
    heads = ["codec", "rate [kbit/s]", *heads, "utterances"]
    Table(heads, body, right=frozenset(range(1, len(heads)))).print()
    sys.stdout.write(f"\nin brackets 95 % bootstrap intervals over {' or '.join(frame['over'].unique())}\n")


def _equal_table(equal: pd.DataFrame) -> None:
    if not len(equal):
        return
    head = ["codec", "rate [kbit/s]", "wer [%]", "mel-klt", "rate [kbit/s]", "wer [%]", "difference [points]"]
    head += ["utterances"]
    body = []
    for r in equal.to_dict(orient="records"):
        sides = [(r["codec"], r["rate_kbps"], r["wer"]), (r["ours"], r["ours_rate_kbps"], r["ours_wer"])]
        cells = [cell for name, rate, wer in sides for cell in (str(name), f"{rate:.1f}", f"{wer:.1f}")]
        ends = f" ({r['low']:+.1f} to {r['high']:+.1f})" if r["low"] == r["low"] else ""
        body.append([*cells, f"{r['difference']:+.1f}{ends}", str(r["n"])])
    title = "\nmel-klt with no more bytes than each other codec, and its WER less theirs"
    Table(head, body, title, right=frozenset({1, 2, 4, 5, 6, 7})).print()
