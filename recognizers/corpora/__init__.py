"""Corpora: utterances with transcripts and emotions, from the shipped pack, known data sets, a manifest."""

from recognizers.corpora.check import CorpusReport, check_corpus
from recognizers.corpora.faults import CorpusError, Fault
from recognizers.corpora.iemocap import FOUR_CLASSES, Classes
from recognizers.corpora.opening import CORPUS_KINDS, corpus_kind, open_corpus
from recognizers.corpora.types import Corpus, Utterance, canonical_emotion, left_out

__all__ = [
    "CORPUS_KINDS",
    "FOUR_CLASSES",
    "Classes",
    "Corpus",
    "CorpusError",
    "CorpusReport",
    "Fault",
    "Utterance",
    "canonical_emotion",
    "check_corpus",
    "corpus_kind",
    "left_out",
    "open_corpus",
]
