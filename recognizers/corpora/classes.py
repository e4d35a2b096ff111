"""Which emotions are told apart, and which of a corpus's labels count as one: `ang,hap+exc,neu,sad`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recognizers.corpora.faults import CorpusError
from recognizers.corpora.types import EMOTION_NAMES, Corpus, canonical_emotion


@dataclass(frozen=True)
class Classes:
    """Some of a corpus's labels, sorted, with those that are merged into one of them."""

    labels: tuple[str, ...]
    merge: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Classes:
        """Read `ang,hap+exc,neu,sad`: classes between commas, merged labels joined by `+` under the first's name.

        Abbreviations and other spellings of `EMOTION_NAMES` are understood. Raises `CorpusError` for anything else.
        """
        groups = [[canonical_emotion(name) for name in group.split("+")] for group in text.split(",")]
        names = [name for group in groups for name in group if name]
        if len(groups) < 2 or len(names) != sum(map(len, groups)) or len(set(names)) != len(names):
            raise CorpusError(f"classes {text!r}: expected two or more different ones, such as ang,hap+exc,neu,sad")
        merge = {name: group[0] for group in groups for name in group[1:] if name and group[0]}
        return cls(tuple(sorted(group[0] for group in groups if group[0])), merge)

    def of(self, corpus: Corpus) -> Corpus:
        """The utterances of these classes. Raises `CorpusError` for a class that the corpus lacks."""
        there, groups = set(corpus.labels), self._groups()
        lacking = [name for name, group in groups.items() if not set(group) & there]
        lacking += [name for name in self.merge if name not in there | set(EMOTION_NAMES.values())]
        if lacking:
            known = ", ".join(corpus.labels)
            raise CorpusError(f"{corpus.root}: no {', '.join(lacking)} in corpus {corpus.name}; it has {known}")
        return corpus.select(labels=self.labels, merge=self.merge)

    def __str__(self) -> str:
        return ", ".join("+".join(names) for names in self._groups().values())

    def _groups(self) -> dict[str, list[str]]:
        """The labels that count as each class."""
        return {label: [label, *(name for name, into in self.merge.items() if into == label)] for label in self.labels}


FOUR_CLASSES = Classes.parse("ang,hap+exc,neu,sad")
"""The usual task on IEMOCAP: 1103 + 1636 + 1708 + 1084 = 5531 utterances in all."""
