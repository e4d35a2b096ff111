"""The classes that networks gave to utterances of speakers they never heard: as a table, and scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recognizers.emotion.types import EmotionError
from recognizers.scores import CLASS_METRICS, Score, class_counts, class_scores, differences, labels_of, scores

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Labels:
    """What is known of N utterances besides their sound."""

    ids: tuple[str, ...]
    speakers: tuple[str, ...]
    targets: Ints
    """(N,): places in `labels`."""
    labels: tuple[str, ...]
    corpus: str


def prediction_rows(
    known: Labels, predicted: Mapping[str, Ints], *, network: str, training: str, seed: int
) -> pd.DataFrame:
    """One row for each utterance and codec.

    Columns: utterance, speaker, emotion, codec, network, training, seed, emotion_predicted.
    """
    import pandas as pd

    names = np.array(known.labels)
    parts = [
        pd.DataFrame(
            {
                "utterance": known.ids,
                "speaker": known.speakers,
                "emotion": names[known.targets],
                "codec": codec,
                "network": network,
                "training": training,
                "seed": seed,
                "emotion_predicted": names[found],
            }
        )
        for codec, found in predicted.items()
    ]
    return pd.concat(parts, ignore_index=True)


def scored(rows: pd.DataFrame) -> pd.DataFrame:
    """Scores of every network, training and codec: of all seeds together, with intervals over speakers.

    An utterance's predictions by several seeds are drawn together: they are no further utterances. So accuracies are
    means over the seeds, and an interval is that of the mean; F1 is of the summed confusion.
    """
    import pandas as pd

    labels = labels_of(rows)
    found = []
    for (network, training, codec), part in rows.groupby(["network", "training", "codec"], sort=False):
        known = scores(class_counts(part, labels), class_scores)
        each = [scores(class_counts(one, labels), class_scores)["accuracy"].value for _, one in part.groupby("seed")]
        found.append(
            {
                "network": network,
                "training": training,
                "codec": codec,
                **{name: known[name].value for name in CLASS_METRICS},
                "low": known["accuracy"].low,
                "high": known["accuracy"].high,
                "over": known["accuracy"].over,
                "deviation": float(np.std(each, ddof=1)) if len(each) > 1 else np.nan,
                "seeds": len(each),
                "utterances": known["accuracy"].n,
                "speakers": part["speaker"].nunique(),
            }
        )
    return pd.DataFrame(found)


def scored_against(rows: pd.DataFrame, reference: str) -> pd.DataFrame:
    """`scored`, with `loss`, `loss_low` and `loss_high`: of `codec_losses` against `reference`, NaN where none is."""
    import pandas as pd

    keys = ["network", "training", "codec"]
    losses = [codec_losses(rows, str(codec), reference) for codec in rows["codec"].unique() if codec != reference]
    found = pd.concat([pd.DataFrame(columns=[*keys, "difference", "low", "high"]), *losses], ignore_index=True)
    names = {"difference": "loss", "low": "loss_low", "high": "loss_high"}
    beside = scored(rows).merge(found.rename(columns=names), on=keys, how="left")
    return beside.astype(dict.fromkeys(names.values(), float))


def codec_losses(rows: pd.DataFrame, codec: str, reference: str) -> pd.DataFrame:
    """For every network and training the accuracy through `codec` less that through `reference`, paired.

    Networks that were not asked about both have no row."""
    import pandas as pd

    both = rows[rows["codec"].isin([codec, reference])]
    found = []
    for (network, training), part in both.groupby(["network", "training"], sort=False):
        one, two = (part[part["codec"] == name] for name in (codec, reference))
        if len(one) and len(two):
            found.append({"network": network, "training": training, "codec": codec, **_difference(one, two)})
    return pd.DataFrame(found)


def network_differences(rows: pd.DataFrame, first: str, second: str, training: str) -> pd.DataFrame:
    """For every codec the accuracy of one network less that of another, trained alike, paired.

    Codecs that only one was asked about have no row. A network that was trained once (the yardstick has no seed) counts
    as often as the other has seeds.
    """
    import pandas as pd

    alike = rows[rows["training"] == training]
    found = []
    for codec, part in alike.groupby("codec", sort=False):
        one, two = (part[part["network"] == name] for name in (first, second))
        if len(one) and len(two):
            found.append({"codec": codec, "first": first, "second": second, "training": training,
                          **_difference(one, two)})  # fmt: skip
    return pd.DataFrame(found)


def _difference(first: pd.DataFrame, second: pd.DataFrame) -> dict[str, float]:
    """Mean of `first` less `second` in accuracy, with the paired interval over speakers."""
    if set(first["utterance"]) != set(second["utterance"]):
        raise EmotionError("the predictions are of different utterances, so no difference of theirs is paired")
    labels = labels_of(first, second)
    found: Score = differences(class_counts(first, labels), class_counts(second, labels), class_scores)["accuracy"]
    return {"difference": found.value, "low": found.low, "high": found.high}
