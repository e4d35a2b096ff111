"""What the page shows of a study: which parameter names codecs, and the slices of all the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amser.report.palette import Style, sequence, styles
from amser.summary import PointKey, Summary, short_names

# Mel codecs are AMSER's; a Mel payload may cost this much accuracy and still count as "as good as raw".
TOLERATED_WER_RISE = 0.01
MEL_KINDS = ("mel-svd", "mel-klt")
# Beyond this utilisation a queue grows for as long as is simulated, within what intervals can tell.
SATURATED = 0.97
FEWEST_DELIVERED = 0.9


@dataclass(frozen=True)
class Series:
    """One drawn line, bar or mark: a point of the sweep, its name within its slice, and its style."""

    point: PointKey
    name: str
    style: Style


@dataclass(frozen=True)
class Slice:
    """The points that share the values of all parameters but the codec."""

    title: str
    series: tuple[Series, ...]


class View:
    """A summary arranged for drawing.

    ``codec_kinds`` maps codec names to the kind of their specification; a parameter whose every value is
    such a name is the codec axis.  Without one every point is a series of a single slice.
    """

    def __init__(self, summary: Summary, codec_kinds: Mapping[str, str]) -> None:
        self.summary = summary
        self.kinds = codec_kinds
        self.codec_axis = self._codec_axis()
        axis = self.codec_axis
        self.others = [
            i for i in range(len(summary.parameters)) if axis is None or (i != axis and not self._follows(i, axis))
        ]
        names = [self.series_name(p) for p in summary.points]
        self.styles = self.line_styles(list(dict.fromkeys(names)))
        self.slices = self._slices()

    def line_styles(self, names: Sequence[str]) -> dict[str, Style]:
        """A style for each of ``names``: by family where they are codecs, else in their order."""
        return styles(names, self.kinds) if self.codec_axis is not None else sequence(names)

    def _codec_axis(self) -> int | None:
        """The parameter that names codecs, where every situation of the others has all of its codecs.

        Policies swept beside codecs one by one are no grid: slices of a single point would compare nothing.
        """
        points = self.summary.points
        for i, _ in enumerate(self.summary.parameters):
            if not all(str(point[i]) in self.kinds for point in points):
                continue
            others = [j for j in range(len(self.summary.parameters)) if j != i and not self._follows(j, i)]
            slices: dict[tuple[str, ...], list[str]] = {}
            for point in points:
                slices.setdefault(tuple(str(point[j]) for j in others), []).append(str(point[i]))
            if len({tuple(sorted(codecs)) for codecs in slices.values()}) == 1:
                return i
        return None

    def _follows(self, one: int, other: int) -> bool:
        """Whether parameter ``one`` is told by ``other`` and takes several values, as a second group's codec may be."""
        pairs = {(str(p[other]), str(p[one])) for p in self.summary.points}
        return len(pairs) == len({a for a, _ in pairs}) and len({b for _, b in pairs}) > 1

    def saturated(self, point: PointKey) -> bool:
        """Whether more came than could be carried: its latencies say how long was simulated."""
        for metric in ("uplink_utilisation", "server_utilisation"):
            e = self.summary.get(point, metric)
            if e is not None and e.mean >= SATURATED:
                return True
        delivered = self.summary.get(point, "delivered_fraction")
        return delivered is not None and delivered.mean < FEWEST_DELIVERED

    def series_name(self, point: PointKey) -> str:
        """The codec's name; without a codec axis all swept values."""
        if self.codec_axis is not None:
            return str(point[self.codec_axis])
        return self.summary.label(point)

    @property
    def legend(self) -> str:
        """What the series' names are values of; empty for codecs, which say it themselves."""
        return "" if self.codec_axis is not None else ", ".join(short_names(self.summary.parameters))

    def slice_title(self, point: PointKey) -> str:
        """The values of all parameters but the codec, such as ``count 80``."""
        if self.codec_axis is None:
            return ""
        names = short_names([self.summary.parameters[i] for i in self.others])
        shown = self.summary.shown(point)
        return ", ".join(f"{name} {shown[i]}" for name, i in zip(names, self.others, strict=True))

    def _slices(self) -> tuple[Slice, ...]:
        members: dict[str, list[Series]] = {}
        for point in self.summary.points:
            name = self.series_name(point)
            members.setdefault(self.slice_title(point), []).append(Series(point, name, self.styles[name]))
        return tuple(Slice(title, tuple(series)) for title, series in members.items())

    def axes(self) -> list[int]:
        """Parameters other than the codec that take several values: what metrics are drawn against."""
        return [i for i in self.others if len({point[i] for point in self.summary.points}) > 1]

    def pairs(self) -> list[tuple[Slice, tuple[Series, Series]]]:
        """Every situation in which raw audio and a Mel codec can be set against each other."""
        return [(part, pair) for part in self.slices if (pair := self.versus(part)) is not None]

    def told(self) -> tuple[Slice, tuple[Series, Series]] | None:
        """The situation that a headline tells: the first that is not saturated; None without a pair."""
        pairs = self.pairs()
        clear = (one for one in pairs if not any(self.saturated(series.point) for series in one[1]))
        return next(clear, pairs[0] if pairs else None)

    def versus(self, chosen: Slice) -> tuple[Series, Series] | None:
        """Raw audio and the Mel codec to set against it, in one slice.

        The Mel codec is the one with the smallest mean payload whose WER is at most
        ``TOLERATED_WER_RISE`` above raw's; if none is, the one with the lowest WER.
        Without WER it is the smallest.
        """
        if self.codec_axis is None:
            return None
        raw = next((s for s in chosen.series if self.kinds[s.name] == "pcm"), None)
        mels = [s for s in chosen.series if self.kinds[s.name] in MEL_KINDS and self._mean(s, "payload_mean_bytes")]
        if raw is None or not mels:
            return None
        floor = self._mean(raw, "wer")
        errors = {s.name: w for s in mels if (w := self._mean(s, "wer")) is not None}
        good = [s for s in mels if floor is None or errors.get(s.name, 9.9) <= floor + TOLERATED_WER_RISE]
        if good:
            return raw, min(good, key=lambda s: self._mean(s, "payload_mean_bytes") or 0.0)
        return raw, min(mels, key=lambda s: errors.get(s.name, 9.9))

    def _mean(self, series: Series, metric: str) -> float | None:
        estimate = self.summary.get(series.point, metric)
        return None if estimate is None else estimate.mean
