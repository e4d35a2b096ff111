"""Corpora, recordings, payloads, results folders, finished runs and caches."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.amser.conftest import CODECS, write_results
from tests.amser.fuzz.damage import BYTES, CHANGES, EDITS, VALUES, changed, damaged, edited, yaml_of
from tests.amser.fuzz.of_weights import shipping
from tests.amser.fuzz.outcome import Draw, outcome
from tests.amser.fuzz.studies import SMALL


def _recording(folder: Path, suffix: str) -> bytes:
    import soundfile

    path = folder / f"original{suffix}"
    if not path.exists():
        soundfile.write(path, 0.2 * np.sin(np.arange(3200) / 9.0), 16_000)
    return path.read_bytes()


def corpora(folder: Path, draw: Draw) -> int:
    """Manifests, and the recordings that they name."""
    suffix = draw(st.sampled_from([".wav", ".flac", ".mp3", ".ogg"]))
    raw = _recording(folder, suffix)
    (folder / f"a{suffix}").write_bytes(damaged(raw, draw(BYTES)))
    text = f"path\ttext\temotion\tspeaker\na{suffix}\thello\thappy\tx\noriginal{suffix}\tyou\tsad\ty\n"
    text = edited(text, draw(EDITS))
    (folder / "manifest.tsv").write_bytes(
        damaged(text.encode("utf-8", "surrogatepass"), draw(BYTES) if draw(st.booleans()) else [])
    )
    return outcome("corpus", "check", folder, "--decode")


def recordings(folder: Path, draw: Draw) -> int:
    """Recordings to be coded, and payloads to be decoded."""
    suffix = draw(st.sampled_from([".wav", ".flac", ".mp3", ".ogg"]))
    raw = _recording(folder, suffix)
    head = draw(
        st.lists(st.tuples(st.integers(0, 60), st.integers(1, 4), st.binary(min_size=1, max_size=4)), max_size=3)
    )
    (folder / f"a{suffix}").write_bytes(damaged(damaged(raw, head), draw(BYTES)))
    codec = draw(st.sampled_from(["raw", "flac", "opus-16", "mp3-16", "g722", "amser-25-int8", "klt-4"]))
    code = outcome("encode", folder / f"a{suffix}", "--codec", codec, "--output", folder / f"p.{codec}")
    if code:
        outcome("encode", folder / f"original{suffix}", "--codec", codec, "--output", folder / f"p.{codec}")
    payload = folder / f"p.{codec}"
    payload.write_bytes(damaged(payload.read_bytes(), draw(BYTES)))
    return outcome("decode", payload, "--codec", codec, "--output", folder / "mel.npy")


def results(folder: Path, draw: Draw) -> int:
    """Results folders: manifest, summary, scenario, logs and metrics."""
    kept = folder.parent / "kept-results"
    if not kept.exists():
        write_results(kept, [{"devices.phones.codec": codec} for codec in list(CODECS)[:3]], replications=2)
    (source,) = kept.glob("*/*")
    here = folder / "r"
    shutil.copytree(source, here)
    files = sorted(p.relative_to(here) for p in here.rglob("*") if p.is_file())
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(files))
        path = here / name
        how = draw(st.sampled_from(["data", "text", "bytes", "gone", "folder", "empty"]))
        if not path.is_file():
            continue
        if how == "gone":
            path.unlink()
        elif how == "folder":
            path.unlink()
            path.mkdir()
        elif how == "empty":
            path.write_bytes(b"")
        elif how == "data" and path.suffix == ".json":
            whole = json.loads((source / name).read_text())  # what is here may be damaged already
            path.write_text(json.dumps(changed(whole, draw(CHANGES))), "utf-8", "replace")
        elif how == "text" and path.suffix != ".parquet":
            path.write_text(edited((source / name).read_text(), draw(EDITS)), "utf-8", "replace")
        else:
            path.write_bytes(damaged(path.read_bytes(), draw(BYTES)))
    match draw(st.integers(0, 19)):
        case 0 | 1:
            return outcome("report", here, "--output", folder / "report.html")
        case 2 | 3 | 4 | 5:
            return outcome("report", here, "--checklist", "--output", folder / "checklist.md")
        case 6:
            return outcome("bundle", here, "--output", folder / "bundle.zip")
    return outcome("compare", here, source)


def finished(folder: Path, draw: Draw) -> int:
    """Earlier runs that a run may take replications from."""
    kept = folder.parent / "kept-runs"
    data = json.loads(json.dumps(SMALL)) | {
        "sweep": {"grid": {"devices.phones.codec": ["big", "small"]}, "replications": 2}
    }
    path = folder.parent / "finished.yaml"
    path.write_text(yaml_of(data))
    if not kept.exists():
        outcome("run", path, "-j1", "-q", "--no-report", "--results", kept)
    shutil.copytree(kept, folder / "results")
    files = sorted(p for p in (folder / "results").glob("*/*/points/*/*") if p.is_file())
    for _ in range(draw(st.integers(1, 3))):
        file = draw(st.sampled_from(files))
        if file.is_file():
            file.write_bytes(damaged(file.read_bytes(), draw(BYTES)))
    code = outcome("run", path, "-j1", "-q", "--no-report", "--results", folder / "results")
    (old,) = kept.glob("*/*")
    new = max((folder / "results").glob("*/*"))
    assert (new / "summary.csv").read_bytes() == (old / "summary.csv").read_bytes(), "other figures than undisturbed"
    return code


def caches(folder: Path, draw: Draw) -> int:
    """The measurement cache: its values, or the bytes of its file."""
    from channel.codecs import build_codec
    from recognizers.measurement.measure import measure
    from recognizers.measurement.parts_from_spec import synthetic_corpus
    from recognizers.measurement.store import CacheError
    from scenarios.quantities import SI
    from scenarios.schema.codec import FixedSpec
    from scenarios.schema.corpus import SyntheticCorpusSpec

    def table() -> Any:
        codec = build_codec(FixedSpec(kind="fixed", size=SI(5000.0)), name="big")
        corpus = synthetic_corpus(SyntheticCorpusSpec(kind="synthetic", utterances=4))
        with shipping(folder):  # no tables: reading them takes longer than all else
            return measure(corpus, {"big": codec}, None, None, cache_dir=folder)

    first = table()
    file = folder / "measurements.sqlite"
    if draw(st.booleans()):
        with contextlib.closing(sqlite3.connect(file)) as database, database:
            value = draw(st.one_of(VALUES.map(json.dumps), st.text(max_size=9), st.binary(max_size=9)))
            if isinstance(value, str):
                value = value.encode("utf-8", "replace").decode()
            database.execute("UPDATE entries SET value = ?", (value,))
    else:
        with contextlib.closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file.write_bytes(damaged(file.read_bytes(), draw(BYTES)))
    try:
        again = table()
    except CacheError:
        return 3
    assert again.equals(first), "other measurements than undisturbed"
    return 0
