"""Train nano: `python -m recognizers.training.nano.train --speech DIR --work DIR --minutes 60`.

The objective is Whisper's own (cross entropy of the next token, teacher forced) plus a CTC loss on the
encoder, which is thrown away afterwards. Learning rate: linear warm-up, then a cosine to zero over the given
minutes of training time. Seeded; but what an amount of wall-clock time trains depends on the machine, so a repeated
run gives equally good weights, not equal ones. On a GPU (`--device cuda`) the batches come from `--loaders`
processes."""

from __future__ import annotations

import argparse
import copy
import math
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recognizers.training.nano.data import (
    Batch,
    Features,
    Sampler,
    Speller,
    read_digits,
    read_open_speech,
    read_synthetic,
)
from recognizers.training.speech.grammar import vocabulary
from recognizers.whisper.nano import Vocabulary, compact_dimensions, pin_constant, save_nano, vocabulary_of

if TYPE_CHECKING:
    import torch
    from whisper.model import Whisper

CTC_WEIGHTS = (1.0, 0.4)
"""Weight of the CTC loss before and after `CTC_FIRST` of the schedule: the encoder must find the alignment before
the decoder can use it."""
CTC_FIRST = 0.3
GENTLE_START = 0.6
"""Until this part of the schedule the augmentation grows from a quarter to its full strength."""
LABEL_SMOOTHING = 0.05
WARMUP_STEPS = 100
CTC_CLASSES = 28  # blank, 26 letters, the space between words; letters align sooner than tokens
AVERAGE_DECAY = 0.997
FULL_CONTEXT_SHARE = 0.08
FULL_CONTEXT_FROM = 0.96
"""From this part of the schedule on every batch has the whole context, as it has when decoding."""


@dataclass(frozen=True)
class Options:
    """What a training run is told; minutes of training time, evaluation not counted."""

    speech: Path
    work: Path
    corpora: Path | None
    minutes: float
    batch: int
    learning_rate: float
    width: int
    seed: int
    device: str = "cpu"
    loaders: int = 0
    check_minutes: float = 9.0


def encode(model: Whisper, mel: torch.Tensor) -> torch.Tensor:
    """Whisper's encoder on fewer frames than its context: the positional embedding is cut."""
    from torch.nn import functional

    encoder = model.encoder
    x = functional.gelu(encoder.conv1(mel))
    x = functional.gelu(encoder.conv2(x)).permute(0, 2, 1)
    x = x + encoder.positional_embedding[: x.shape[1]]
    for block in encoder.blocks:
        x = block(x)
    features: torch.Tensor = encoder.ln_post(x)
    return features


class Run:
    """The state of a training run: model, CTC head, average of the weights, optimiser, clock, random
    numbers."""

    def __init__(self, options: Options) -> None:
        import torch
        from whisper.model import MultiHeadAttention, Whisper

        MultiHeadAttention.use_sdpa = options.device != "cpu"  # without it 1.4 times faster to train on a CPU
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.manual_seed(options.seed)
        self.options = options
        self.vocabulary: Vocabulary = vocabulary_of(vocabulary())
        self.speller = Speller(self.vocabulary)
        self.model = Whisper(compact_dimensions(len(self.vocabulary.rows), options.width))
        _initialise(self.model)
        self.ctc = torch.nn.Linear(options.width, CTC_CLASSES)
        self.model.to(options.device)
        self.ctc.to(options.device)
        parameters = [*self.model.parameters(), *self.ctc.parameters()]
        self.optimiser = torch.optim.AdamW(parameters, lr=options.learning_rate, betas=(0.9, 0.98), weight_decay=0.03)
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        self.step = 0
        self.seconds = 0.0
        self.best = math.inf

    @property
    def progress(self) -> float:
        """Part of the schedule that is done, 0 to 1."""
        return min(1.0, self.seconds / (60 * self.options.minutes))

    def learn(self, batch: Batch) -> npt.NDArray[np.float64]:
        """One step; returns the two losses, cross entropy and CTC."""
        import torch

        rate = self.options.learning_rate * min(1.0, self.step / WARMUP_STEPS)
        for group in self.optimiser.param_groups:
            group["lr"] = max(1e-6, rate * 0.5 * (1 + math.cos(math.pi * self.progress)))
        device = self.options.device
        features = encode(self.model, batch.mel.to(device))
        logits = self.model.decoder(batch.inputs.to(device), features)
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), batch.targets.to(device).flatten(), label_smoothing=LABEL_SMOOTHING
        )
        ctc = self._ctc_loss(features, batch)
        parts = np.array([float(loss.detach()), float(ctc.detach())])
        loss = loss + CTC_WEIGHTS[self.progress > CTC_FIRST] * ctc
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        pin_constant(self.model)
        self.step += 1
        self._follow(min(AVERAGE_DECAY, self.step / (self.step + 50)))
        return parts

    def _ctc_loss(self, features: torch.Tensor, batch: Batch) -> torch.Tensor:
        import torch

        heard = [i for i, text in enumerate(batch.spoken) if text is not None]
        texts = [_letters(batch.spoken[i] or "") for i in heard]
        scores = self.ctc(features[heard]).log_softmax(-1).permute(1, 0, 2)
        return torch.nn.functional.ctc_loss(
            scores,
            torch.tensor([letter for text in texts for letter in text], device=scores.device),
            torch.tensor([(int(batch.lengths[i]) + 1) // 2 for i in heard]),
            torch.tensor([len(text) for text in texts]),
            blank=0,
            zero_infinity=True,
        )

    def _follow(self, decay: float) -> None:
        import torch

        with torch.no_grad():
            own, mean = list(self.model.parameters()), list(self.average.parameters())
            torch._foreach_lerp_(mean, own, 1 - decay)


def _letters(text: str) -> list[int]:
    """Letters and blanks as CTC classes; 0 is CTC's own blank."""
    return [27 if letter == " " else ord(letter) - 96 for letter in text]


def _initialise(model: Whisper) -> None:
    """A start from which a small encoder finds the alignment in hundreds of steps instead of thousands.

    With PyTorch's defaults the convolutions' output is tiny beside the positional embedding, so it starts as large
    (Kaiming). Queries and keys start as the same picture of the positions, the sine and cosine of each frequency in
    one head, so attention starts local, narrow in the first head and wide in the last (compare "Mimetic
    initialization of self-attention layers", Trockman and Kolter, ICML 2023).
    """
    import torch

    width, heads = model.dims.n_audio_state, model.dims.n_audio_head
    each = width // heads // 2
    positions = torch.zeros(width, width)
    for head in range(heads):
        for i in range(each):
            positions[head * 2 * each + i, head * each + i] = 1.5
            positions[head * 2 * each + each + i, width // 2 + head * each + i] = 1.5
    with torch.no_grad():
        for convolution, gain in ((model.encoder.conv1, 1.0), (model.encoder.conv2, 1.5)):
            torch.nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            convolution.weight.mul_(gain)
            convolution.bias.zero_()
        for block in model.encoder.blocks:
            for projection in (block.attn.query, block.attn.key):
                projection.weight.copy_(positions + torch.randn(width, width) * 0.3 / math.sqrt(width))
            block.attn.query.bias.zero_()
        # Whisper's modules leave the text positions unset and the token embedding large.
        model.decoder.positional_embedding.normal_(0, 0.02)
        model.decoder.token_embedding.weight.normal_(0, 0.05)
    pin_constant(model)


def train(options: Options) -> Path:
    """Run a training; returns the exported weights."""
    from recognizers.training.nano.validation import Validator

    options.work.mkdir(parents=True, exist_ok=True)
    run = Run(options)
    commands = Features(read_synthetic(options.speech, "train"))
    corpora = options.corpora
    digits = Features(read_digits(corpora / "fsdd", False)) if corpora else None
    others = Features(read_open_speech(corpora / "speechocean762-adults", False)) if corpora else None
    validator = Validator(options.speech, corpora, run.speller)
    export = options.work / "nano.safetensors"
    provenance = {
        "training": f"{len(commands)} synthetic commands, {len(digits or [])} fsdd digits,"
        f" {len(others or [])} speechocean762 as no-speech; {options.minutes:g} min",
        "seed": str(options.seed),
    }
    losses: list[npt.NDArray[np.float64]] = []
    checked = begun = time.monotonic()
    for batch in _batches(run, Sampler(commands, digits, others, run.speller)):
        losses.append(run.learn(batch))
        run.seconds += time.monotonic() - begun
        if run.step % 100 == 0:
            _say(f"{run.seconds / 60:.1f} min step {run.step} loss {np.mean(losses[-100:], axis=0).round(3)}")
        if time.monotonic() - checked > 60 * options.check_minutes or run.progress >= 1.0:
            errors = validator.errors(run.average)
            _say(f"{run.seconds / 60:.1f} min step {run.step} dev " + validator.describe(errors))
            if errors["score"] <= run.best or run.progress >= 1.0:
                run.best = errors["score"]
                save_nano(export, run.average, run.vocabulary, {**provenance, "steps": str(run.step)})
            checked = time.monotonic()
        begun = time.monotonic()
    return export


def _batches(run: Run, sampler: Sampler) -> Iterator[Batch]:
    """Batches until the schedule ends, from processes of their own where there are some."""
    import torch

    progress = torch.tensor([run.progress], dtype=torch.float64).share_memory_()
    options = run.options

    class Stream(torch.utils.data.IterableDataset[Batch]):
        """The batches of one process; they change as the training goes on."""

        def __iter__(self) -> Iterator[Batch]:
            worker = torch.utils.data.get_worker_info()
            rng = np.random.default_rng([options.seed, worker.id if worker else 0])
            while True:
                done = float(progress)
                full = done > FULL_CONTEXT_FROM or rng.random() < FULL_CONTEXT_SHARE
                yield sampler.next(options.batch, full, rng, min(1.0, 0.25 + 0.75 * done / GENTLE_START))

    if run.progress >= 1.0:
        return
    for batch in torch.utils.data.DataLoader(Stream(), batch_size=None, num_workers=options.loaders):
        yield batch
        progress[0] = run.progress
        if run.progress >= 1.0:
            return


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    import torch

    parser = argparse.ArgumentParser(prog="python -m recognizers.training.nano.train", description=__doc__)
    parser.add_argument("--speech", type=Path, required=True, help="folder of recognizers.training.speech.synthesis")
    parser.add_argument("--work", type=Path, required=True, help="folder for the weights")
    parser.add_argument("--minutes", type=float, default=100.0)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1.5e-3)
    parser.add_argument("--width", type=int, default=160)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--loaders", type=int, default=0, help="processes that vary and collate the Mels")
    parser.add_argument("--check-minutes", type=float, default=9.0, help="between evaluations of the dev part")
    given = vars(parser.parse_args(arguments))
    torch.set_num_threads(given.pop("threads"))
    corpora = os.environ.get("AMSER_CORPORA")
    export = train(Options(corpora=Path(corpora) if corpora else None, **given))
    sys.stdout.write(f"{export}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
