"""The classes that networks gave to utterances of speakers they never heard: as a table, and scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from recognizers.emotion.types import EmotionError
from recognizers.scores import CLASS_METRICS, Score, class_counts, class_scores, differences, labels_of, scores
from recognizers.training.state_examples import Ints, Labels

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["codec_losses", "network_differences", "prediction_rows", "scored"]


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

    An utterance's predictions by several seeds are drawn together: they are no further utterances.
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


def codec_losses(rows: pd.DataFrame, codec: str, reference: str) -> pd.DataFrame:
    """For every network and training the accuracy through `codec` less that through `reference`, paired."""
    import pandas as pd

    found = []
    for (network, training), part in rows.groupby(["network", "training"], sort=False):
        pair = [part[part["codec"] == name] for name in (codec, reference)]
        found.append({"network": network, "training": training, "codec": codec, **_difference(pair[0], pair[1])})
    return pd.DataFrame(found)


def network_differences(rows: pd.DataFrame, first: str, second: str, training: str) -> pd.DataFrame:
    """For every codec the accuracy of one network less that of another, trained alike, paired.

    A network that was trained once (the yardstick has no seed) counts as often as the other has seeds.
    """
    import pandas as pd

    alike = rows[rows["training"] == training]
    found = []
    for codec, part in alike.groupby("codec", sort=False):
        one, two = (part[part["network"] == name] for name in (first, second))
        found.append({"codec": codec, "first": first, "second": second, "training": training, **_difference(one, two)})
    return pd.DataFrame(found)


def _difference(first: pd.DataFrame, second: pd.DataFrame) -> dict[str, float]:
    """Mean of `first` less `second` in accuracy, with the paired interval over speakers."""
    if set(first["utterance"]) != set(second["utterance"]):
        raise EmotionError("the predictions are of different utterances, so no difference of theirs is paired")
    labels = labels_of(first, second)
    found: Score = differences(class_counts(first, labels), class_counts(second, labels), class_scores)["accuracy"]
    return {"difference": found.value, "low": found.low, "high": found.high}
