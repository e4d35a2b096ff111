"""How right words and classes are, and how well a corpus lets that be known: one scorer each, one bootstrap."""

from recognizers.scores.bootstrap import Counts, Score, differences, scores
from recognizers.scores.class_scores import CLASS_METRICS, class_scores, confusion, score_classes
from recognizers.scores.table_counts import class_counts, labels_of, ratio_counts, word_counts
from recognizers.scores.word_errors import WordErrors, normalise, word_errors, word_scores

__all__ = [
    "CLASS_METRICS",
    "Counts",
    "Score",
    "WordErrors",
    "class_counts",
    "class_scores",
    "confusion",
    "differences",
    "labels_of",
    "normalise",
    "ratio_counts",
    "score_classes",
    "scores",
    "word_counts",
    "word_errors",
    "word_scores",
]
