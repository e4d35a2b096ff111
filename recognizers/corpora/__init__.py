"""Corpora: utterances with transcripts and emotions, from the shipped pack, known data sets, a manifest."""

from recognizers.corpora.check import check_corpus
from recognizers.corpora.faults import CorpusError, Fault
from recognizers.corpora.iemocap import FOUR_CLASSES, Classes
from recognizers.corpora.opening import corpus_kind, open_corpus
from recognizers.corpora.types import Corpus, Utterance, left_out

__all__ = [
    "FOUR_CLASSES",
    "Classes",
    "Corpus",
    "CorpusError",
    "Fault",
    "Utterance",
    "check_corpus",
    "corpus_kind",
    "left_out",
    "open_corpus",
]
