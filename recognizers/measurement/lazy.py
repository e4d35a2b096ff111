"""A recognizer whose weights are loaded when something is to be recognized.

Tables and caches know most texts, so most studies with official models need no weights at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from recognizers.measurement.fill_cache import MeasurementError
from recognizers.measurement.protocols import Mel, Recognizer, Transcript


@dataclass
class LazyRecognizer:
    """Stands for the recognizer that ``load`` gives, which must have this fingerprint."""

    name: str
    bands: int
    identity: str
    load: Callable[[], Recognizer]
    _loaded: Recognizer | None = field(default=None, init=False)

    def fingerprint(self) -> str:
        """What identifies weights and decoding, known without loading them."""
        return self.identity

    def transcribe(self, mels: Sequence[Mel], /) -> Sequence[Transcript]:
        """Load the weights if that has not happened, and recognize; errors are those of ``loaded``."""
        return self.loaded().transcribe(mels)

    def loaded(self) -> Recognizer:
        """The recognizer itself.

        Raises ``MeasurementError`` for other weights than those that the tables were made with."""
        if self._loaded is None:
            loaded = self.load()
            if loaded.fingerprint() != self.identity:
                raise MeasurementError(
                    f"the weights of '{self.name}' on this machine are not those that the measured tables were made "
                    "with; name the checkpoint by its path to use it as a model of its own"
                )
            self._loaded = loaded
        return self._loaded
