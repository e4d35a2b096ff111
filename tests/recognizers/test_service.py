"""Service times, calibrations and coding costs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from channel.codecs import lossy
from channel.codecs.waveform import Pcm
from recognizers.measurement.parts_from_spec import encoder_of
from recognizers.service import CalibrationError, calibrations, encode_cost, load_calibration, load_service
from recognizers.service.batches import Timing, fit, measure_batches, noise_mels
from recognizers.service.calibration import FOLDER, Point, summaries
from recognizers.service.device_calibration import added_to, calibrated_codecs, encoding_s, fit_line, parse_seven_zip
from recognizers.service.encode import EncodeCalibration, EncodeEntry, load_encode_calibration
from recognizers.service.random_whisper import official_dimensions
from recognizers.service.spread import at_quantile, mean_of
from scenarios.schema.corpus import CorpusSpec
from scenarios.schema.server import EmotionSpec, NoRecognizerSpec, ServerSpec, WhisperSpec

Corpora: TypeAdapter[CorpusSpec] = TypeAdapter(CorpusSpec)


def server(**fields: Any) -> ServerSpec:
    return ServerSpec.model_validate(fields)


def test_explicit_services() -> None:
    constant = load_service(server(service={"kind": "constant", "time": "0.1 s"}))
    assert constant.batch_s(1, 1.0) == constant.batch_s(9, 90.0) == 0.1
    affine = load_service(
        server(
            service={
                "kind": "affine",
                "per_batch": "100 ms",
                "per_utterance": "10 ms",
                "per_audio_second": "1 ms",
            }
        )
    )
    assert affine.batch_s(4, 20.0) == pytest.approx(0.1 + 0.04 + 0.02)
    assert (affine.idle_w, affine.active_w) == (0.0, 0.0)


def test_table_is_linear_between_and_beyond() -> None:
    table = load_service(server(service={"kind": "table", "times": {1: "0.1 s", 4: "0.4 s", 8: "0.6 s"}}))
    found = [table.batch_s(n, 0.0) for n in (1, 2, 4, 6, 8, 10)]
    assert found == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.6, 0.7])
    single = load_service(server(service={"kind": "table", "times": {4: "0.4 s"}}))
    assert single.batch_s(1, 0.0) == single.batch_s(9, 0.0) == 0.4


def test_exponential_has_its_mean() -> None:
    """10,000 draws of mean 0.2: standard error 0.002, five of them allowed."""
    service = load_service(server(service={"kind": "exponential", "mean": "0.2 s"}))
    drawn = np.array([service.drawn_s(1, 1.0, u) for u in np.random.default_rng(3).random(10_000)])
    assert drawn.mean() == pytest.approx(0.2, abs=0.01) and drawn.std() == pytest.approx(0.2, abs=0.01)
    constant = load_service(server(service={"kind": "constant", "time": "1 s"}))
    assert constant.drawn_s(3, 9.0, 0.7) == constant.batch_s(3, 9.0)


@given(
    st.lists(st.floats(0.0, 10.0), min_size=2, max_size=40).map(sorted),
    st.integers(1, 200),
)
def test_a_drawn_spread_has_the_mean_of_its_quantiles(quantiles: list[float], draws: int) -> None:
    """Straight segments: at the midpoints of n equal parts of each segment the mean is that of the segments."""
    steps = draws * (len(quantiles) - 1)
    drawn = [at_quantile(quantiles, (i + 0.5) / steps) for i in range(steps)]
    assert np.mean(drawn) == pytest.approx(mean_of(quantiles), rel=1e-9, abs=1e-12)
    assert drawn == sorted(drawn)
    assert quantiles[0] <= drawn[0]
    assert drawn[-1] <= quantiles[-1]


@pytest.mark.parametrize("spread", [[1.0], [1.2, 0.8], [1.0, 1.2]])
def test_a_spread_increases_about_a_mean_of_one(spread: list[float], tmp_path: Path) -> None:
    content = json.loads((FOLDER / "server-host-cpu.json").read_text(encoding="utf-8"))
    content["models"]["nano"]["spread"] = spread
    (tmp_path / "x.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(CalibrationError, match="spread"):
        load_calibration(str(tmp_path / "x.json"))


def test_power_of_the_scenario_wins() -> None:
    spec = server(service="rtx-2080-ti/turbo", power={"idle": "10 W", "active": "100 W", "source": "my meter"})
    service = load_service(spec)
    assert service.energy_j(busy_s=2.0, total_s=10.0) == 280.0
    assert "my meter" in service.source


def test_a_calibrated_model_is_the_recognizers() -> None:
    named = load_service(server(service="rtx-2080-ti/turbo"))
    implied = load_service(server(service="rtx-2080-ti"), WhisperSpec(model="turbo"))
    assert named.batch_s(3, 12.0) == implied.batch_s(3, 12.0)
    assert implied.source == "calibration rtx-2080-ti/turbo (published)"


@pytest.mark.parametrize(
    ("asked", "listed"),
    [("a100/tiny", "a100/tiny.en"), ("laptop-i5/base.en", "laptop-i5/base"), ("h100/large-v3-turbo", "h100/turbo")],
)
def test_models_of_equal_architecture_share_their_times(asked: str, listed: str) -> None:
    assert load_service(server(service=asked)).batch_s(2, 8.0) == load_service(server(service=listed)).batch_s(2, 8.0)


def test_faults_say_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="no service times of model 'nano'; it has large-v3, turbo"):
        load_service(server(service="rtx-2080-ti"), WhisperSpec())
    with pytest.raises(CalibrationError, match="'none'"):
        load_service(server(), NoRecognizerSpec(kind="none"))
    with pytest.raises(CalibrationError, match=r"no calibration is named 'gtx'; there are .*h100"):
        load_calibration("gtx")
    with pytest.raises(CalibrationError, match="cannot read"):
        load_calibration(str(tmp_path / "missing.json"))
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    with pytest.raises(CalibrationError, match="is not JSON"):
        load_calibration(str(broken))
    broken.write_text(json.dumps({"format": "amser-server-calibration", "version": 1}))
    with pytest.raises(CalibrationError, match="not a server calibration: name"):
        load_calibration(str(broken))
    broken.write_text("[]")
    with pytest.raises(CalibrationError, match="JSON object"):
        load_calibration(str(broken))


def test_every_committed_calibration_has_its_sources() -> None:
    assert set(calibrations()) >= {"host-cpu", "rtx-2080-ti", "h100"}
    for summary in summaries():
        found = load_calibration(summary.name)
        assert found.name == summary.name and found.power.source and found.method and found.date
        assert found.power.active_w >= found.power.idle_w
        for model, cost in found.models.items():
            assert cost.source, model
            assert cost.per_utterance_s + cost.per_audio_second_s + cost.per_batch_s > 0
            if found.basis == "published":
                assert "remembered, unverified" in cost.assumed
            else:
                assert cost.points and cost.worst_relative_error is not None


PUBLISHED = [
    (name, model) for name in calibrations() for found in [load_calibration(name)] for model in found.models
    if found.basis == "published"
]  # fmt: skip


@pytest.mark.parametrize(("hardware", "model"), PUBLISHED)
def test_thirty_seconds_cost_what_was_published(hardware: str, model: str) -> None:
    """Each file says how many times real time was published, to three digits; so much do 30 s of speech cost.

    An utterance costs Whisper's encoder one window: by hand 12 width^2 weights a layer and position, attention's two
    products and two convolutions, 2 operations each, at the share of the peak that the file assumes; at most 90 % of
    the window's time."""
    cost = load_calibration(hardware).models[model]
    speed = float(re.search(r"\(([\d.e+]+) times real time\)$", cost.source)[1])
    window_s = cost.per_utterance_s + 30.0 * cost.per_audio_second_s
    assert window_s == pytest.approx(30.0 / speed, rel=5e-3)
    share, tflops = re.search(r"at (\d+)% of ([\d.]+) Tflop/s \(remembered, unverified\)", cost.assumed).groups()
    dims = official_dimensions(model)
    width, bands = dims.n_audio_state, dims.n_mels
    layers = dims.n_audio_layer * (12 * width**2 * 1500 + 2 * 1500**2 * width)
    operations = 2.0 * (layers + 3 * bands * width * 3000 + 3 * width**2 * 1500)
    assert f"encoder share from {operations / 1e12:.2f} Tflop a window" in cost.assumed
    encoder_s = operations / (float(tflops) * 1e12 * int(share) / 100)
    assert cost.per_utterance_s == pytest.approx(min(encoder_s, 0.9 * window_s), rel=5e-3)


@given(
    coefficients=st.tuples(*[st.floats(0.001, 1.0)] * 4),
    noise=st.floats(0.0, 0.02),
    seed=st.integers(0, 1000),
)
def test_fit_finds_planted_costs(coefficients: tuple[float, float, float, float], noise: float, seed: int) -> None:
    """The fit is no worse than the truth that made the points (in the squared relative error it minimises)."""
    a, b, c, d = coefficients
    rng = np.random.default_rng(seed)
    points = []
    for n in (1, 2, 4, 8, 16):
        for duration in (1.5, 3.0, 4.8):
            seconds = a + b * n + c * n * duration + d * duration
            points.append(Point(utterances=n, audio_s=n * duration, seconds=seconds * (1 + noise * rng.uniform(-1, 1))))
    found = fit(points)
    assert found.worst_relative_error <= 5 * noise + 1e-6
    if noise == 0.0:
        assert found.per_utterance_s == pytest.approx(b, rel=1e-3, abs=1e-6)


def test_batches_are_measured_as_asked() -> None:
    asked: list[tuple[int, int]] = []

    def recognize(mels: Sequence[Any]) -> None:
        asked.append((len(mels), mels[0].shape[1]))

    ticks = iter(range(1000))
    points = measure_batches(
        recognize,
        lambda seconds: np.zeros((80, round(100 * seconds)), np.float32),
        Timing(batches=(1, 3), durations_s=(1.0, 2.0), repeats=2, clock=lambda: float(next(ticks))),
    )
    assert asked == [(1, 100)] * 3 + [(1, 200)] * 2 + [(3, 100)] * 3 + [(3, 200)] * 2  # one first run of each size
    assert [(p.utterances, p.audio_s, p.seconds) for p in points] == [
        (1, 1.0, 1.0),
        (1, 2.0, 1.0),
        (3, 3.0, 1.0),
        (3, 6.0, 1.0),
    ]


def test_after_its_deadline_a_measurement_repeats_nothing_and_grows_no_further() -> None:
    asked: list[int] = []
    points = measure_batches(
        lambda mels: asked.append(len(mels)),
        lambda seconds: np.zeros((80, round(100 * seconds)), np.float32),
        Timing(batches=(1, 2, 4), durations_s=(1.0, 2.0), repeats=5),
        deadline=0.0,
    )
    assert asked == [1, 1, 1] and [point.utterances for point in points] == [1, 1]


def test_official_dimensions_match_the_library() -> None:
    """Parameters of the built models, against the counts the library's documentation gives (in millions)."""
    assert official_dimensions("turbo").n_text_layer == 4 and official_dimensions("large-v3").n_mels == 128
    assert official_dimensions("tiny.en").n_vocab == 51_864 and official_dimensions("tiny").n_vocab == 51_865
    with pytest.raises(CalibrationError, match="no official model is named 'huge'"):
        official_dimensions("huge")


@pytest.mark.slow
def test_a_random_whisper_can_be_timed() -> None:
    import torch
    from whisper.model import ModelDimensions

    from recognizers.service.random_whisper import RandomWhisper

    tiny = RandomWhisper(ModelDimensions(80, 50, 32, 2, 1, 51_864, 64, 32, 2, 1))
    said = tiny.transcribe([noise_mels(80)(0.5), noise_mels(80)(0.9)])
    assert [len(one.tokens) for one in said] == [3, 3]  # type: ignore[attr-defined]  # 0.9 s x 3.5 tokens
    assert torch.isfinite(tiny.model.decoder.positional_embedding).all()  # openai-whisper leaves it as memory was


def test_the_measured_h100_can_be_named() -> None:
    """Bigger models take longer; a batch of eight costs less than eight batches of one; power is each model's own."""
    services = [load_service(server(service=f"h100/{m}")) for m in ("tiny", "base", "small", "medium", "large-v3")]
    alone = [one.batch_s(1, 5.0) for one in services]
    assert alone == sorted(alone) and "(measured)" in services[0].source
    assert all(one.batch_s(8, 40.0) < 4 * one.batch_s(1, 5.0) for one in services)
    assert services[0].active_w < services[-1].active_w
    spec = server(service={"kind": "calibration", "hardware": "h100", "model": "large-v3"})
    assert load_service(spec).batch_s(1, 5.0) == alone[-1]


def test_half_precision_hears_what_full_precision_hears() -> None:
    """fp16 keeps 11 bits: encoder features of order 1 differ by some thousandths at most after two layers."""
    import torch
    from whisper.model import ModelDimensions

    from recognizers.service.random_whisper import RandomWhisper
    from recognizers.whisper.placing import padded_batch

    dims = ModelDimensions(80, 50, 32, 2, 2, 51_864, 64, 32, 2, 2)
    full, half = RandomWhisper(dims, half=False), RandomWhisper(dims, half=True)
    assert half.model.encoder.conv1.weight.dtype == half.model.decoder.token_embedding.weight.dtype == torch.float16
    mel = noise_mels(80)(0.5)
    cpu = torch.device("cpu")
    with torch.inference_mode():
        exact = full.model.encoder(padded_batch([mel], [-0.5], 100, cpu, half=False))
        rounded = half.model.encoder(padded_batch([mel], [-0.5], 100, cpu, half=True))
    assert rounded.dtype == torch.float16 and exact.std() > 0.5
    assert (exact - rounded.float()).abs().max() < 0.02
    assert [len(one.tokens) for one in half.transcribe([mel])] == [2]  # type: ignore[attr-defined]


def test_coding_costs_of_standard_codecs() -> None:
    from channel.codecs.codec_from_spec import build_codec

    for name in ("raw", "flac", "mp3-24", "opus-12", "amser-12.5", "amser-100-fp16", "g722"):
        cost = encode_cost(build_codec(name))
        assert 0.0 < cost.host_s(1.0) < 0.2, name
        assert cost.host_s(5.0) > cost.host_s(1.0)


def test_coding_costs_of_own_codecs() -> None:
    class Stated(Pcm):
        encode_cost_s = (0.01, 0.002)

    class Opus(lossy.Opus):
        """Neither its name nor its parent makes it cost what libopus costs."""

    assert encode_cost(Stated("own")).host_s(5.0) == pytest.approx(0.02)
    with pytest.raises(CalibrationError, match=r"'own'.*Opus states it in an attribute encode_cost_s"):
        encode_cost(Opus("own", rate_bps=16_000.0))


def test_costs_between_settings_are_linear() -> None:
    def entry(setting: float, slope: float) -> dict[str, Any]:
        return {
            "kind": "x", "setting": setting, "constant_s": 0.0, "per_audio_second_s": slope,
            "worst_relative_error": 0.0, "repeats": 1,
        }  # fmt: skip

    table = EncodeCalibration.model_validate(
        {
            "format": "amser-encode-calibration", "version": 1, "machine": {}, "versions": {}, "date": "",
            "method": "", "seven_zip_single_thread_mips": 1000.0, "entries": [entry(8, 1.0), entry(16, 3.0)],
        }
    )  # fmt: skip
    assert table.quiet_share == 1.0
    beside = table.model_copy(update={"seven_zip_while_timing_mips": 800.0})
    assert beside.cost("x", 8.0).per_audio_second_s == pytest.approx(0.8)
    slopes = [table.cost("x", setting).per_audio_second_s for setting in (4.0, 8.0, 10.0, 16.0, 99.0)]
    assert slopes == [1.0, 1.0, 1.5, 3.0, 3.0]


def test_cost_keys() -> None:
    from channel.codecs.codec_from_spec import build_codec

    assert build_codec("flac").cost_key() == ("flac", 5.0)
    assert build_codec("opus-16").cost_key() == ("opus", 16_000.0)
    assert build_codec("raw").cost_key() == ("pcm", None)
    assert build_codec("amser-12.5").cost_key() == ("mel-svd", 10.0)
    assert build_codec("klt-4").cost_key() == ("mel-klt:rate_bps", 4_000.0)


def test_encode_calibration_is_of_the_host_that_device_profiles_scale_from() -> None:
    """Profiles take their ratio from the calibration host's 7-zip rating, so both must mean one machine."""
    from devices.library import load_data

    rating = load_data("profiles")["calibration-host"]["seven_zip_single"]
    assert load_encode_calibration().seven_zip_single_thread_mips == pytest.approx(rating, rel=0.05)


def test_encode_calibration_lists_what_its_command_times() -> None:
    keys = {codec.cost_key() for codec in calibrated_codecs()} | {("fixed", None)}
    assert {(entry.kind, entry.setting) for entry in load_encode_calibration().entries} == keys


def test_encode_calibration_names_its_host() -> None:
    found = load_encode_calibration()
    assert found.seven_zip_single_thread_mips > 0 and found.method and found.machine["accelerator"]
    with pytest.raises(CalibrationError, match="cannot read"):
        load_encode_calibration("/nowhere/encode.json")


def test_encoding_time_is_cpu_time() -> None:
    class Sleeper:
        def encode(self, audio: Any) -> None:
            deadline = time.process_time() + 0.01
            while time.process_time() < deadline:
                pass

    codec: Any = Sleeper()
    # The fastest of three runs of 10 ms of work: not less than the work, and not a hundred times it.
    assert 0.0099 <= encoding_s(codec, np.zeros(1, np.float32), 3) < 1.0


def test_fit_line_is_exact_on_a_line() -> None:
    constant, slope, worst = fit_line([1, 2, 4], [0.3, 0.4, 0.6])
    assert (constant, slope, worst) == pytest.approx((0.2, 0.1, 0.0), abs=1e-9)


def test_seven_zip_output() -> None:
    text = "Avr:       486    19   2585    503  |       5005    19   2279    435\nTot:              19   2432    469\n"
    assert parse_seven_zip(text) == 2432.0
    with pytest.raises(CalibrationError, match="Tot"):
        parse_seven_zip("nothing")


def test_entries_of_another_machine_are_scaled_by_what_both_timed() -> None:
    """There coding takes half and a third of the time: the new entry counts sqrt(6) times what it took."""
    base = load_encode_calibration()

    def entry(kind: str, setting: float | None, seconds: float) -> EncodeEntry:
        return EncodeEntry(
            kind=kind, setting=setting, constant_s=0.0, per_audio_second_s=seconds, worst_relative_error=0.0, repeats=1
        )

    def at(*entries: EncodeEntry) -> EncodeCalibration:
        return base.model_copy(update={"entries": entries})

    fixed = entry("fixed", None, 0.0)
    slow = at(entry("mp3", 8_000.0, 0.006), entry("opus", 6_000.0, 0.004), fixed)
    fast = at(entry("mp3", 8_000.0, 0.003), entry("opus", 6_000.0, 0.004 / 3), entry("new", None, 0.001), fixed)
    made = added_to(slow, fast)
    assert made.entries[:1] == (fixed,) and {*slow.entries} < {*made.entries} and len(made.entries) == 4
    new = made.cost("new", None)
    assert new.per_audio_second_s / base.quiet_share == pytest.approx(0.001 * 6**0.5, abs=1e-8)  # rounded to 8 places
    source = next(one.source for one in made.entries if one.kind == "new")
    assert source is not None and "2.000 to 3.000" in source
    with pytest.raises(CalibrationError, match="nothing timed here"):
        added_to(slow, at(entry("new", None, 0.001), fixed))


def test_a_network_on_encoder_states_costs_its_head_or_a_pass_of_its_own() -> None:
    # Where the recognizer is the Whisper that it reads, its states are there: the head is a dense layer on means, some
    # hundredths of recognizing.  Another recognizer's words leave it three of tiny.en's blocks to run over 30 s, less
    # than recognizing, which runs all four and decodes.
    emotion = EmotionSpec()
    own, other = (WhisperSpec(kind="whisper", model=model) for model in ("tiny.en", "tiny"))
    plain = load_service(server(service="host-cpu"), own).batch_s(3, 12.0)
    shared = load_service(server(service="host-cpu"), own, emotion, "tiny.en").batch_s(3, 12.0) - plain
    theirs = load_service(server(service="host-cpu"), other).batch_s(3, 12.0)
    alone = load_service(server(service="host-cpu"), other, emotion, "tiny.en").batch_s(3, 12.0) - theirs
    assert 0 < shared < 0.1 * plain
    assert shared < alone < theirs
    assert "costs nothing" in load_service(server(service="rtx-2080-ti/turbo"), own, emotion, "base").source


def test_the_encoder_of_a_network_is_its_tables_or_its_weights(tmp_path: Path) -> None:
    acted = Corpora.validate_python(["librispeech", "emodb"])
    assert encoder_of(EmotionSpec(), acted) == "base"
    assert encoder_of(EmotionSpec(kind="none"), acted) == ""
    assert encoder_of(EmotionSpec(), Corpora.validate_python("shipped")) == ""
    assert encoder_of(EmotionSpec(weights=str(tmp_path / "none.safetensors")), acted) == ""
