"""The yardstick: logistic regression on the plain mean and deviation of the encoder's states.

Multinomial, with a penalty on the squared weights of standardised features, all folds at once by L-BFGS (scikit-learn
would fit them one after the other, and read the features as often).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from recognizers.emotion.state_network import SMALLEST_DEVIATION

ITERATIONS = 50
"""More changed no prediction of the corpora in docs/results/emotion.md by more than the rounding of its figures."""


@dataclass(frozen=True)
class Logistic:
    """K regressions of C classes on D features."""

    weights: Tensor
    """(K, D, C), of standardised features."""
    biases: Tensor
    """(K, C)."""
    mean: Tensor
    """(K, D): of each training set."""
    deviation: Tensor
    """(K, D)."""

    def logits(self, features: Tensor) -> Tensor:
        """(N, D) to (N, K, C)."""
        wide = self.weights / self.deviation[:, :, None]
        shift = self.biases - (self.mean[:, None, :] @ wide)[:, 0]
        count, width, classes = wide.shape
        product = features @ wide.permute(1, 0, 2).reshape(width, count * classes)
        return product.view(len(features), count, classes) + shift


def fit_logistic(
    features: Tensor, targets: Tensor, masks: Tensor, penalty: float, start: Logistic | None = None
) -> Logistic:
    """A regression for each of K masks (K, N) of training rows: minimises mean cross-entropy + penalty / 2 |w|^2.

    `features` is (N, D); `start` is where to begin, such as the fit of a neighbouring penalty.
    """
    share = masks.float() / masks.sum(dim=1, keepdim=True)
    mean = share @ features
    deviation = (share @ features.square() - mean.square()).clamp(min=SMALLEST_DEVIATION**2).sqrt()
    classes = int(targets.max()) + 1
    begin = (torch.zeros(len(masks), features.shape[1], classes), torch.zeros(len(masks), classes))
    weights, biases = (start.weights.clone(), start.biases.clone()) if start else begin
    weights.requires_grad_()
    biases.requires_grad_()
    optimiser = torch.optim.LBFGS(
        [weights, biases], max_iter=ITERATIONS, history_size=10, line_search_fn="strong_wolfe", tolerance_grad=1e-5
    )

    def closure() -> float:
        optimiser.zero_grad()
        chances = Logistic(weights, biases, mean, deviation).logits(features).log_softmax(dim=2)
        wrong = -chances[torch.arange(len(targets)), :, targets]  # (N, K)
        loss = (wrong * share.T).sum() + 0.5 * penalty * weights.square().sum()
        loss.backward()
        return float(loss.detach())

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return Logistic(weights.detach(), biases.detach(), mean, deviation)
