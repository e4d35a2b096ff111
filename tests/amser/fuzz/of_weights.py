"""Measured tables as they ship, and Whisper's weights in every format."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from recognizers.measurement import shipped_tables
from tests.amser.fuzz.damage import BYTES, CHANGES, EDITS, VALUES, changed, damaged, edited, yaml_of
from tests.amser.fuzz.outcome import Draw, outcome
from tests.amser.fuzz.studies import SMALL

NAME = "librispeech-tiny.en.parquet"


@contextlib.contextmanager
def shipping(folder: Path) -> Iterator[None]:
    """The measured tables of ``folder`` are those that ship."""
    before, shipped_tables.FOLDER = shipped_tables.FOLDER, folder
    shipped_tables._tables.cache_clear()
    try:
        yield
    finally:
        shipped_tables.FOLDER = before
        shipped_tables._tables.cache_clear()


def _small_table(path: Path) -> None:
    """Three utterances of LibriSpeech's table under two codecs."""
    import pyarrow.parquet as pq

    whole = pq.read_table(shipped_tables.FOLDER / NAME)
    frame = whole.to_pandas()
    some = frame["utterance"].isin(frame["utterance"].unique()[:3]) & frame["codec"].isin(["raw", "amser-12.5"])
    pq.write_table(whole.filter(some.to_list()), path)


def tables(folder: Path, draw: Draw) -> int:
    """A measured table whose head, whose values or whose bytes were changed, and a study that rests on it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole = folder.parent / NAME
    if not whole.exists():
        _small_table(whole)
    shipped = folder / "tables"
    shipped.mkdir()
    how = draw(st.sampled_from(["head", "head", "column", "column", "gone", "bytes"]))
    if how == "bytes":
        (shipped / NAME).write_bytes(damaged(whole.read_bytes(), draw(BYTES)))
    else:
        table = pq.read_table(whole)
        column = draw(st.sampled_from(table.column_names))
        if how == "gone":
            table = table.drop_columns([column])
        elif how == "column":
            value = draw(st.one_of(VALUES, st.sampled_from([-5, 0, float("nan"), "", None, 10**12, "raw"])))
            with contextlib.suppress(pa.ArrowException, OverflowError, UnicodeEncodeError):
                # What Arrow cannot hold and Parquet cannot write, no file can have.
                other = table.set_column(table.column_names.index(column), column, pa.array([value] * table.num_rows))
                pq.write_table(other, pa.BufferOutputStream())
                table = other
        else:
            head = json.dumps(changed(json.loads(table.schema.metadata[b"amser"]), draw(CHANGES)))
            table = table.replace_schema_metadata({b"amser": edited(head, draw(EDITS)).encode("utf-8", "replace")})
        pq.write_table(table, shipped / NAME)
    data = json.loads(json.dumps(SMALL)) | {
        "corpus": "librispeech",
        "recognizer": {"kind": "whisper", "model": "tiny.en"},
        "codecs": {},
        "sweep": {"grid": {"devices.phones.codec": ["raw", "amser-12.5"]}, "replications": 1},
    }
    data["devices"]["phones"] |= {"policy": "fixed", "codec": "raw"}
    path = folder / "s.yaml"
    path.write_text(yaml_of(data))
    with shipping(shipped):
        code = outcome("check", path)
        if draw(st.integers(0, 4)) == 0:
            outcome("list", "measured")
        if code == 0 and draw(st.integers(0, 3)) == 0:
            code = outcome("run", path, "-j1", "-q", "--no-report", "--results", folder / "results")
    return code


def _checkpoint(folder: Path, form: str) -> Path:
    from tests.recognizers.whisper_formats import (
        random_whisper,
        write_ctranslate2,
        write_hugging_face,
        write_openai,
    )

    place = folder / form
    if not place.exists():
        model = random_whisper(n_vocab=99)
        if form == "pt":
            place.mkdir()
            write_openai(place / "model.pt", model)
        elif form == "ctranslate2":
            write_ctranslate2(place, model, heads=[[0, 1]])
        else:
            write_hugging_face(place, model, shards=2 if form == "shards" else 1, heads=[[1, 1]])
    return place


def checkpoints(folder: Path, draw: Draw) -> int:
    """Weights of OpenAI, Hugging Face and CTranslate2 with changed bytes or configurations, converted."""
    form = draw(st.sampled_from(["pt", "hugging-face", "shards", "ctranslate2"]))
    here = folder / "weights"
    shutil.copytree(_checkpoint(folder.parent, form), here)
    for _ in range(draw(st.integers(1, 2))):
        file = draw(st.sampled_from(sorted(here.iterdir())))
        raw = (_checkpoint(folder.parent, form) / file.name).read_bytes()  # what is here may be damaged already
        how = draw(st.sampled_from(["head", "head", "bytes", "cut", "data", "gone"]))
        if how == "head":  # where sizes, names and types stand; the rest is numbers
            edits: list[Any] = [(at % 4096, length, piece) for at, length, piece in draw(BYTES)]
            raw = damaged(raw, edits)
        elif how == "cut":
            raw = raw[: draw(st.integers(0, len(raw)))]
        elif how == "data" and file.suffix == ".json":
            raw = edited(json.dumps(changed(json.loads(raw), draw(CHANGES))), draw(EDITS)).encode("utf-8", "replace")
        else:
            raw = damaged(raw, draw(BYTES))
        file.write_bytes(raw)
        if how == "gone":
            file.unlink()
            if not any(here.iterdir()):
                break
    path = here / "model.pt" if form == "pt" else here
    return outcome("models", "convert", path, "--output", folder / "made.safetensors")
