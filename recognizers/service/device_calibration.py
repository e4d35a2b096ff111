"""Measures what encoding costs on the machine at hand: CPU seconds by codec, setting and length."""

from __future__ import annotations

import platform
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recognizers.service.calibration import CalibrationError
from recognizers.service.encode import EncodeCalibration, EncodeEntry
from recognizers.service.machine import describe_machine

if TYPE_CHECKING:
    from channel.codecs.base import Codec

Audio = npt.NDArray[np.float32]

SAMPLE_RATE_HZ = 16_000
DURATIONS_S = (1.0, 2.0, 4.0, 8.0, 16.0)
LEAST_RUN_S = 0.02  # coding is repeated until it lasts this long: the clock's step then does not count


def calibrated_codecs() -> list[Codec]:
    """One codec for each cost that simulations look up: all standard ones at hand, and settings without a name."""
    from channel.codecs import STANDARD_CODECS, CodecError, build_codec
    from scenarios.schema.codec import FlacSpec, MelKltSpec, MelSvdSpec

    codecs = []
    for name in STANDARD_CODECS:
        with suppress(CodecError):  # its package is missing
            codecs.append(build_codec(name))
    codecs += [build_codec(FlacSpec(kind="flac", level=level)) for level in (0, 8)]
    codecs += [build_codec(MelKltSpec(kind="mel-klt", step=step)) for step in (0.8, 0.4, 0.2, 0.1)]
    codecs += [build_codec(MelKltSpec.model_validate({"kind": "mel-klt", "snr": f"{db} dB"})) for db in (10, 20)]
    codecs.append(build_codec(MelSvdSpec.model_validate({"kind": "mel-svd", "energy": "99 %"})))
    return list({codec.cost_key(): codec for codec in reversed(codecs)}.values())[::-1]


def calibrate_device(
    codecs: Iterable[Codec],
    speech: Audio,
    *,
    seven_zip_mips: float | None = None,
    quiet_seven_zip_mips: float | None = None,
    repeats: int = 5,
    method: str = "",
    report: Callable[[str], None] = lambda line: None,
) -> EncodeCalibration:
    """Time the encoders on pieces of ``speech`` (float32 at 16 kHz, at least 16 s) in CPU time of one thread.

    ``seven_zip_mips`` is the host's score; left out, ``7z b -mmt1`` is run.  Where other work cannot be
    stopped, ``quiet_seven_zip_mips`` is its score without, and costs are scaled to it; just so they are scaled
    to another host by that one's score.  Each duration
    counts with the fastest of ``repeats`` runs, since other work on the machine can only add.
    """
    if speech.size < DURATIONS_S[-1] * SAMPLE_RATE_HZ:
        raise CalibrationError(f"calibrating needs at least {DURATIONS_S[-1]:g} s of speech")
    score = seven_zip_score() if seven_zip_mips is None else seven_zip_mips
    entries = []
    for codec in codecs:
        kind, setting = codec.cost_key()
        report(f"timing {codec.name}")
        seconds = [encoding_s(codec, _piece(speech, duration_s), repeats) for duration_s in DURATIONS_S]
        constant_s, per_audio_second_s, worst = fit_line(DURATIONS_S, seconds)
        entries.append(
            EncodeEntry(
                kind=kind,
                setting=setting,
                constant_s=round(constant_s, 8),
                per_audio_second_s=round(per_audio_second_s, 8),
                worst_relative_error=round(worst, 4),
                repeats=repeats,
            )
        )
    entries.append(
        EncodeEntry(kind="fixed", constant_s=0.0, per_audio_second_s=0.0, worst_relative_error=0.0, repeats=1)
    )
    return EncodeCalibration(
        format="amser-encode-calibration",
        version=1,
        machine=describe_machine(),
        versions=_versions(),
        date=datetime.now(UTC).date().isoformat(),
        method=(
            f"CPU time of one thread, fastest of {repeats} runs, pieces of "
            f"{', '.join(f'{d:g}' for d in DURATIONS_S)} s of speech; non-negative least squares of the "
            f"relative error; `fixed` costs nothing by definition{method}"
        ),
        seven_zip_single_thread_mips=quiet_seven_zip_mips or score,
        seven_zip_while_timing_mips=score if quiet_seven_zip_mips else None,
        matrix_gflops=round(matrix_gflops(), 2),
        entries=tuple(sorted(entries, key=lambda entry: (entry.kind, entry.setting or 0.0))),
    )


def added_to(base: EncodeCalibration, timed: EncodeCalibration) -> EncodeCalibration:
    """``base`` with the entries that only ``timed`` has, scaled by what both have.

    Two machines differ in what they are fast at, so the scale is the geometric mean over the shared entries of the
    ratios at 4 s of speech, and each new entry says how far these spread.  Raises ``CalibrationError`` where
    they share nothing.
    """
    known = {(entry.kind, entry.setting): entry for entry in base.entries}
    ratios = []
    for entry in timed.entries:
        mine = known.get((entry.kind, entry.setting))
        if mine is not None and entry.kind != "fixed":
            ratios.append(_at_4_s(mine) / _at_4_s(entry))
    if not ratios:
        raise CalibrationError("nothing timed here is in the other calibration: name a codec that both have")
    scale = float(np.exp(np.mean(np.log(ratios))))
    source = (
        f"timed on {timed.machine['accelerator']} with {_libraries(timed)} on {timed.date}, times {scale:.3f}: the "
        f"mean ratio of this file's to its times of {len(ratios)} entries ({min(ratios):.3f} to {max(ratios):.3f})"
    )
    new = [
        entry.model_copy(
            update={
                "constant_s": round(entry.constant_s * scale, 8),
                "per_audio_second_s": round(entry.per_audio_second_s * scale, 8),
                "source": source,
            }
        )
        for entry in timed.entries
        if (entry.kind, entry.setting) not in known
    ]
    entries = sorted((*base.entries, *new), key=lambda entry: (entry.kind, entry.setting or 0.0))
    return base.model_copy(update={"entries": tuple(entries)})


def _at_4_s(entry: EncodeEntry) -> float:
    return entry.constant_s + 4.0 * entry.per_audio_second_s


def _libraries(calibration: EncodeCalibration) -> str:
    return ", ".join(f"{name} {number}" for name, number in calibration.versions.items())


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("numpy", "scipy", "numba", "soundfile", "av", "pycodec2", "lc3py"):
        with suppress(PackageNotFoundError):  # of the extra `codecs`
            found[name] = version(name)
    return found


def _piece(speech: Audio, duration_s: float) -> Audio:
    return speech[: round(duration_s * SAMPLE_RATE_HZ)]


def encoding_s(codec: Codec, audio: Audio, repeats: int) -> float:
    """CPU seconds of one ``codec.encode(audio)``, the fastest of ``repeats`` runs."""
    codec.encode(audio)  # libraries load, tables are computed
    times, fastest = 1, float("inf")
    for _ in range(repeats):
        while True:
            start = time.process_time()
            for _ in range(times):
                codec.encode(audio)
            spent = time.process_time() - start
            if spent >= LEAST_RUN_S:
                break
            times *= 2
        fastest = min(fastest, spent / times)
    return fastest


def fit_line(durations_s: Sequence[float], seconds: Sequence[float]) -> tuple[float, float, float]:
    """Constant, slope and worst relative error of seconds ~ constant + slope x duration, neither negative."""
    from scipy.optimize import nnls

    measured = np.asarray(seconds)
    design = np.column_stack([np.ones(len(durations_s)), np.asarray(durations_s)])
    solution, _ = nnls(design / measured[:, None], np.ones_like(measured))
    worst = float(np.abs(design @ solution / measured - 1.0).max())
    return float(solution[0]), float(solution[1]), worst


def seven_zip_score() -> float:
    """This machine's single-thread 7-zip rating in MIPS, for each CPU used.

    Runs ``7z b -mmt1`` (about half a minute) and reads "R/U" of its last line, which leaves out the time
    that other programs had the processor.  Raises ``CalibrationError`` where 7-zip is missing.
    """
    try:
        done = subprocess.run(["7z", "b", "-mmt1"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CalibrationError(
            "calibrating needs 7-zip's benchmark (`7z b -mmt1`), because device profiles scale by it: "
            f"install 7-zip, or give the score ({error})"
        ) from error
    return parse_seven_zip(done.stdout)


def parse_seven_zip(output: str) -> float:
    """The rating per CPU used, in MIPS, from the benchmark's ``Tot:`` line (usage %, R/U, rating)."""
    match = re.search(r"^Tot:\s+\d+\s+(\d+)\s+\d+\s*$", output, re.MULTILINE)
    if match is None:
        raise CalibrationError("7-zip's benchmark printed no line `Tot:` with usage, R/U and rating")
    return float(match.group(1))


def matrix_gflops(size: int = 512, repeats: int = 10) -> float:
    """10^9 double-precision operations a CPU second of one matrix product, as HPL rates processors.

    Run with one BLAS thread; CPU time is counted, so several threads would not raise it much.
    """
    rng = np.random.default_rng(0)
    left, right = rng.random((size, size)), rng.random((size, size))
    fastest = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        left @ right
        fastest = min(fastest, time.process_time() - start)
    return 2.0 * size**3 / fastest / 1e9
