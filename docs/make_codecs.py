"""Run the codec studies of ``docs/results/codecs.md`` and write its tables and plots.

    python -m docs.make_codecs [nano] [sphinx] [mel] [--limit N]

``nano`` needs nothing; ``sphinx`` and ``mel`` need ``AMSER_CORPORA`` (LibriSpeech) and the first of them PocketSphinx.
``--limit`` takes N utterances spread over the corpus.  Finished cells are cached (``AMSER_CACHE``), so a run goes on
where it was stopped.  Plots need matplotlib.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

from channel.codecs import Codec, build_codec
from docs.make_plots import IMAGES, STYLE
from recognizers.measurement.codec_comparison import DEFAULT_CODECS, study_codecs
from recognizers.measurement.make_table import nested
from scenarios.quantities import SI
from scenarios.schema.codec import CodecSpec, MelKltSpec, MelSvdSpec

PAGE = Path(__file__).parent / "results" / "codecs.md"
CURVES = {  # family: colour, mark, line
    "mp3": ("#8B2F6B", "v", ":"),
    "opus": ("#D55E00", "^", "--"),
    "opus wide band": ("#7A3600", "^", "-."),
    "opus frames of 60 ms": ("#F0A46B", "^", ":"),
    "amr-nb": ("#6B4226", "P", "-."),
    "codec2": ("#4A5D23", "X", ":"),
    "lc3": ("#3B3B98", "<", ":"),
    "dsr": ("#0E6E75", ">", ":"),
    "mel-svd fp32": ("#1C4E7A", "o", ":"),
    "mel-svd fp16": ("#0072B2", "o", "--"),
    "mel-svd int8": ("#56B4E9", "o", "-."),
    "mel-klt": ("#00583F", "*", "-"),
}
LONG_PACKETS = tuple(f"opus-{kbps}-60ms" for kbps in (6, 8, 12, 16))
PANELS = {
    "wer": "word error rate [%]",
    "emotion_accuracy": "emotion accuracy [%]",
    "mel_snr": "Mel SNR [dB]",
}
SPHINX_CODECS = (
    "raw",
    *(f"mp3-{rate}" for rate in (8, 16, 24, 32)),
    *(f"opus-{rate}" for rate in (6, 8, 12, 16, 24, 32)),
    *(f"amser-{share}-fp16" for share in ("12.5", "25")),
    *(f"klt-{rate}" for rate in (2, 3, 4, 6, 8, 12, 16, 24, 32)),
)


def mel_specs() -> dict[str, CodecSpec]:
    """Ranks of the plain decomposition, and forms of mel-klt."""
    ranks = {f"rank {rank}, fp32": MelSvdSpec(kind="mel-svd", rank=rank) for rank in (2, 5, 10, 15, 20, 40)}
    four = MelKltSpec(kind="mel-klt", rate=SI(4_000))
    blocks = {f"klt-4, blocks of {s:g} s": four.model_copy(update={"block": SI(s)}) for s in (0.5, 1.0, 2.0)}
    return {**ranks, **blocks, "klt-4, DCT basis": four.model_copy(update={"basis": "dct"})}


def codecs_of(names: Iterable[str], specs: Mapping[str, CodecSpec]) -> dict[str, Codec]:
    """Standard codecs and others by name."""
    return {name: build_codec(name) for name in names} | {n: build_codec(s, name=n) for n, s in specs.items()}


def speech(name: str, limit: int | None) -> Any:
    """A corpus, or that many utterances spread over it; fewer are always among more, so that cells serve again."""
    from recognizers.corpora import open_corpus

    if name != "shipped":
        name = str(Path(os.environ["AMSER_CORPORA"]) / name)
    corpus = open_corpus(name)
    if limit is None or limit >= len(corpus):
        return corpus
    chosen = set(nested(corpus, limit).utterances)
    return replace(corpus, utterances=tuple(u for u in corpus.utterances if u in chosen), digest="")


def nano(limit: int | None) -> pd.DataFrame:
    """The shipped clips, nano, and the emotion network."""
    from recognizers.emotion.recognizer import load_emotion
    from recognizers.whisper import load_whisper

    codecs = codecs_of((*DEFAULT_CODECS, *LONG_PACKETS), {})
    return study_codecs(speech("shipped", limit), codecs, load_whisper("nano"), load_emotion("amser"), progress=True)


def sphinx(limit: int | None) -> pd.DataFrame:
    """LibriSpeech and PocketSphinx."""
    from recognizers.sphinx import SphinxRecognizer

    codecs = codecs_of(SPHINX_CODECS, {})
    return study_codecs(speech("librispeech-clean", limit), codecs, SphinxRecognizer(), progress=True)


def mel(limit: int | None) -> pd.DataFrame:
    """LibriSpeech without a recognizer."""
    codecs = codecs_of((*DEFAULT_CODECS, *LONG_PACKETS, "klt-1"), mel_specs())
    return study_codecs(speech("librispeech-clean", limit), codecs, progress=True)


STUDIES = {"nano": nano, "sphinx": sphinx, "mel": mel}


def spread(row: pd.Series) -> str:
    """A figure with its interval."""
    if row["value"] == float("inf"):
        return "exact"
    return f"{row['value']:.1f}" + (f" [{row['low']:.1f}, {row['high']:.1f}]" if row["low"] == row["low"] else "")


def table(frame: pd.DataFrame) -> str:
    """One line a codec in the order of rate within its family, one column a metric."""
    heads = {"wer": "WER, %", "wer_loss": "minus raw, points"}
    heads |= {"emotion_accuracy": "emotion, %", "mel_snr": "Mel SNR, dB"}
    shown = [metric for metric in heads if metric in set(frame["metric"])]
    lines = [" | ".join(["| codec", "kbit/s", "of it container", *(heads[m] for m in shown), ""]).strip()]
    lines.append("| --- " + "| --- " * (len(shown) + 2) + "|")
    families = list(dict.fromkeys(frame["family"]))
    for name, part in sorted(
        frame.groupby("codec", sort=False),
        key=lambda item: (families.index(item[1]["family"].iloc[0]), item[1]["rate_kbps"].iloc[0]),
    ):
        figures = part.set_index("metric")
        cells = [str(name), f"{part['rate_kbps'].iloc[0]:.2f}", f"{figures.loc['container_share', 'value']:.1f} %"]
        cells += [spread(figures.loc[m]) if m in figures.index else "" for m in shown]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def equal_table(equal: pd.DataFrame) -> str:
    """mel-klt against Opus and MP3 at no more bytes."""
    lines = ["| codec | kbit/s | WER, % | mel-klt | kbit/s | WER, % | difference, points |", "| --- " * 7 + "|"]
    for r in equal[equal["codec"].str.startswith(("opus", "mp3"))].to_dict(orient="records"):
        ends = f" [{r['low']:+.1f}, {r['high']:+.1f}]" if r["low"] == r["low"] else ""
        lines.append(
            f"| {r['codec']} | {r['rate_kbps']:.2f} | {r['wer']:.1f} | {r['ours']} | {r['ours_rate_kbps']:.2f} "
            f"| {r['ours_wer']:.1f} | {r['difference']:+.1f}{ends} |"
        )
    return "\n".join(lines)


def plot(frame: pd.DataFrame) -> Any:
    """One panel a metric against rate, one curve a family; raw audio is a line across."""
    panels = {metric: label for metric, label in PANELS.items() if metric in set(frame["metric"])}
    width = {1: 5.6, 2: 8.4}.get(len(panels), 11.0)
    figure, grid = plt.subplots(1, len(panels), figsize=(width, 3.7), layout="constrained", squeeze=False)
    for axis, (metric, label) in zip(grid[0], panels.items(), strict=True):
        part = frame[frame["metric"] == metric]
        raw = part[part["codec"] == "raw"]
        if len(raw) and raw["value"].iloc[0] < float("inf"):
            axis.axhline(raw["value"].iloc[0], color="#1C1917", lw=0.8, label="uncompressed")
        for family, (colour, mark, line) in CURVES.items():
            curve = part[part["family"] == family].sort_values("rate_kbps")
            if len(curve):
                bars = [curve["value"] - curve["low"], curve["high"] - curve["value"]]
                axis.errorbar(curve["rate_kbps"], curve["value"], yerr=bars, color=colour, marker=mark, ls=line, ms=4.5,
                              lw=1.2, elinewidth=0.7, label=family)  # fmt: skip
        axis.set_xscale("log")
        ticks = (1, 2, 4, 8, 16, 32, 64, 128)
        axis.set_xticks(ticks, [str(tick) for tick in ticks])
        axis.minorticks_off()
        axis.set_xlabel("payload rate [kbit/s]")
        axis.set_ylabel(label)
        if metric == "wer":
            axis.set_ylim(bottom=0)
    handles, labels = grid[0][0].get_legend_handles_labels()
    columns = {1: 4, 2: 5}.get(len(panels), len(labels))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8)
    return figure


def section(name: str, frame: pd.DataFrame, page: str) -> str:
    """``page`` with the generated part of a study written anew, between its two marks."""
    measured = frame.attrs["measurements"]
    first = measured[measured["codec"] == measured["codec"].iloc[0]]
    words = first["reference_words"].sum()
    said = f", {words:.0f} words" if words > 0 else ""
    parts = [f"{len(first)} utterances, {first['duration_s'].sum():.0f} s{said}.", table(frame)]
    if len(frame.attrs["equal_bytes"]):
        parts += ["**At no more bytes than Opus and MP3:**", equal_table(frame.attrs["equal_bytes"])]
    body = "\n\n".join([f"<!-- {name} -->", *parts, f"<!-- end of {name} -->"])
    return re.sub(f"<!-- {name} -->.*<!-- end of {name} -->", lambda _: body, page, flags=re.S)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the studies that are asked for, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("studies", nargs="*", metavar="study", help=f"of {', '.join(STUDIES)}")
    parser.add_argument("--limit", type=int, help="use only this many utterances, spread over the corpus")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.studies) - set(STUDIES)
    if unknown:
        parser.error(f"no study {', '.join(sorted(unknown))}; there are {', '.join(STUDIES)}")
    for name in chosen.studies or STUDIES:
        frame = STUDIES[name](chosen.limit)
        PAGE.write_text(section(name, frame, PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        image = IMAGES / f"codecs-{name}.svg"
        with plt.rc_context(STYLE):  # type: ignore[arg-type]
            plot(frame).savefig(image, metadata={"Date": None, "Creator": None})
        sys.stdout.write(f"{PAGE}\n{image}: {image.stat().st_size / 1e3:.0f} kB\n")


if __name__ == "__main__":
    main()
