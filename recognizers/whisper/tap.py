"""Listening in on an encoder: the states of some of its blocks, from the pass that the words need anyway."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch.utils.hooks import RemovableHandle


class Tap:
    """Keeps what blocks of an encoder give for windows that were announced, while it is open.

    A hook on each block, not a copy of openai-whisper's forward pass: what is kept is what the decoder reads from.
    Only real positions are kept; a batch of padded ones would take tens of times the memory."""

    def __init__(self, encoder: torch.nn.Module, layers: Sequence[int]) -> None:
        self._encoder, self._layers = encoder, tuple(layers)
        self._windows: Sequence[tuple[int, int]] = ()
        self._passed: dict[int, int] = {}
        self._heard: dict[int, list[torch.Tensor]] = {}
        self._hooks: list[RemovableHandle] = []

    def expect(self, windows: Sequence[tuple[int, int]]) -> None:
        """Announce the windows of the next passes, in order: whose each is, and how many positions of it to keep."""
        self._windows, self._passed = windows, dict.fromkeys(self._layers, 0)

    def states(self, index: int) -> torch.Tensor:
        """What was kept of an utterance: (positions, layers, width), fp32 on the CPU."""
        import torch

        return torch.stack(self._heard[index], dim=1)

    def __enter__(self) -> Tap:
        blocks: Any = self._encoder.blocks
        self._hooks = [blocks[layer - 1].register_forward_hook(self._hook(layer)) for layer in self._layers]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hook in self._hooks:
            hook.remove()

    def _hook(self, layer: int) -> Callable[[torch.nn.Module, tuple[torch.Tensor, ...], torch.Tensor], None]:
        def keep(block: torch.nn.Module, given: tuple[torch.Tensor, ...], found: torch.Tensor) -> None:
            first = self._passed.get(layer, 0)
            for row, (index, positions) in zip(found, self._windows[first:], strict=False):
                if positions:
                    self._heard.setdefault(index, []).append(row[:positions].float().cpu().clone())
            self._passed[layer] = first + len(found)

        return keep
