"""Speech emotion recognition: four networks on one interface."""

from recognizers.emotion.types import Emotion, EmotionError, rank_of_rate

__all__ = ["Emotion", "EmotionError", "EmotionRecognizer", "load_emotion", "rank_of_rate"]


def __getattr__(name: str) -> object:
    # torch takes seconds to import: only where a network is really used.
    if name in ("EmotionRecognizer", "load_emotion"):
        from recognizers.emotion import recognizer

        return getattr(recognizer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
