"""``amser encode`` and ``amser decode``: one recording to a payload, and a payload to a Mel."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from amser.cli.options import Json
from amser.console import print_json
from amser.exits import UserError
from scenarios.errors import Exit

CodecName = Annotated[
    str,
    typer.Option("--codec", "-c", metavar="NAME", help="A name of `amser list codecs`, or of --scenario."),
]
FromScenario = Annotated[
    str | None,
    typer.Option("--scenario", metavar="SCENARIO", help="A scenario that defines codecs of its own."),
]
Bands = Annotated[int, typer.Option(help="Mel bands: 80, or 128 for large-v3 and turbo.")]


def encode(
    file: Annotated[Path, typer.Argument(help="A recording (WAV, FLAC, Ogg, MP3), of any rate and channels.")],
    codec: CodecName = "amser-12.5",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The payload; default: FILE.CODEC.")
    ] = None,
    scenario: FromScenario = None,
    bands: Bands = 80,
    json: Json = False,
) -> int:
    """Write the payload that a device would send for a recording, and say what it costs."""
    from amser.codec_names import codecs_named
    from recognizers.corpora.audio import SAMPLE_RATE_HZ, read_audio

    made = codecs_named([codec], scenario, bands)[codec]
    audio = read_audio(file)
    payload = made.encode(audio)
    target = output or file.with_name(f"{file.stem}.{codec}")
    if target.resolve() == file.resolve():
        raise UserError(f"{target}: that is the recording itself; choose another --output")
    target.write_bytes(payload.data)
    duration_s = len(audio) / SAMPLE_RATE_HZ
    facts: dict[str, Any] = {
        "payload": str(target),
        "codec": codec,
        "duration_s": duration_s,
        "payload_bytes": payload.size_bytes,
        "container_bytes": payload.container_bytes,
        "rate_bps": 8 * payload.size_bytes / duration_s,
        "raw_bytes": 2 * len(audio),
    }
    if json:
        print_json(facts)
        return Exit.DONE
    rate, ratio = facts["rate_bps"] / 1e3, facts["raw_bytes"] / payload.size_bytes
    sys.stdout.write(
        f"{target}: {payload.size_bytes} byte ({payload.container_bytes} of them container) "
        f"for {duration_s:.2f} s, {rate:.1f} kbit/s, {ratio:.1f} times smaller than raw audio\n"
    )
    return Exit.DONE


def decode(
    payload: Annotated[Path, typer.Argument(help="A payload, as `amser encode` writes it.")],
    codec: Annotated[
        str | None,
        typer.Option("--codec", "-c", metavar="NAME", help="Its codec; default: the ending of its name."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The Mel; default: PAYLOAD.npy.")
    ] = None,
    original: Annotated[Path | None, typer.Option(metavar="FILE", help="The recording, to compare with.")] = None,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page that shows the Mel, beside the original's."),
    ] = None,
    scenario: FromScenario = None,
    bands: Bands = 80,
    json: Json = False,
) -> int:
    """Rebuild the Mel spectrogram that the server would recognize, as a NumPy file of (bands, frames)."""
    import numpy as np

    from amser.codec_names import codecs_named

    name = codec or _codec_of(payload)
    mel = codecs_named([name], scenario, bands)[name].decode(payload.read_bytes())
    target = output or payload.with_name(payload.name + ".npy")
    np.save(target, mel)
    facts: dict[str, Any] = {"mel": str(target), "codec": name, "bands": mel.shape[0], "frames": mel.shape[1]}
    reference = None
    if original is not None:
        from channel.codecs import log_mel
        from channel.mel import mel_snr_db
        from recognizers.corpora.audio import read_audio

        reference = log_mel(read_audio(original), bands)
        if reference.shape != mel.shape:
            raise UserError(f"{original} has {reference.shape[1]} frames, the payload {mel.shape[1]}: not its original")
        facts["mel_snr_db"] = mel_snr_db(reference, mel)
    if picture is not None:
        from amser.report.mel import mel_page

        picture.write_text(mel_page(name, mel, reference), encoding="utf-8")
        facts["picture"] = str(picture)
    return _say(facts, json)


def _say(facts: dict[str, Any], json: bool) -> int:
    if json:
        print_json(facts)
        return Exit.DONE
    snr = f", Mel SNR {facts['mel_snr_db']:.1f} dB" if "mel_snr_db" in facts else ""
    sys.stdout.write(f"{facts['mel']}: {facts['bands']} bands, {facts['frames']} frames{snr}\n")
    if "picture" in facts:
        sys.stdout.write(f"{facts['picture']}\n")
    return Exit.DONE


def _codec_of(payload: Path) -> str:
    """The codec that the ending of a payload's name says; the longest, as in ``a.amser-12.5-fp16``."""
    from scenarios.schema.codec import STANDARD_CODECS

    endings = [name for name in STANDARD_CODECS if payload.name.endswith(f".{name}")]
    if not endings:
        raise UserError(f"{payload}: its name does not end in a codec's; say which with --codec")
    return max(endings, key=len)
