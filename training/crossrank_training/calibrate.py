"""A score that can be read as a probability: scale and bias of the logit, fitted on the development sets.

How many candidates of a list are relevant differs between applications. So relevant and irrelevant passages weigh
the same: a score of 0.5 means that, of as many relevant as irrelevant ones, half of those with this score are relevant.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from .evaluate import DevelopmentList

# Grades from which a passage counts as relevant: TREC DL's 1 means "related, but no answer".
RELEVANT_FROM = {"dl21": 2}


@dataclass(frozen=True)
class Calibration:
    """`sigmoid(scale * logit + bias)`, and the expected calibration error before and after, from 0 to 1.

    `error_in_lists` is the error after it, with as many irrelevant passages as the development sets have.
    """

    scale: float
    bias: float
    error_before: float
    error: float
    error_in_lists: float


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def outcomes(lists: list[DevelopmentList], scores: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Logit, relevance and set of every pair."""
    logits = np.concatenate(scores).astype(np.float64)
    relevant = np.array([g >= RELEVANT_FROM.get(each.name, 1) for each in lists for g in each.grades], np.float64)
    return logits, relevant, [each.name for each in lists for _ in each.pairs]


def equal_weights(groups: list) -> np.ndarray:
    """A weight for each member, of which the sum is 1 and every group has the same share."""
    counts = Counter(groups)
    return np.array([1 / counts[group] for group in groups]) / len(counts)


def expected_error(probability: np.ndarray, relevant: np.ndarray, weights: np.ndarray, bins: int = 10) -> float:
    """The mean distance, over equal bins of the score, between its mean and the share of relevant passages."""
    bin_of = np.minimum((probability * bins).astype(int), bins - 1)
    gaps = [abs(float((weights * (probability - relevant))[bin_of == number].sum())) for number in range(bins)]
    return sum(gaps)


def fit(lists: list[DevelopmentList], scores: list[np.ndarray]) -> Calibration:
    """Newton's method on the weighted log loss. Each set weighs the same, and in it relevance and irrelevance."""
    logits, relevant, names = outcomes(lists, scores)
    weights = equal_weights(list(zip(names, relevant)))
    inputs = np.stack([logits, np.ones_like(logits)])
    parameters = np.array([1.0, 0.0])
    for _ in range(50):
        probability = sigmoid(parameters @ inputs)
        gradient = inputs @ (weights * (probability - relevant))
        curvature = (inputs * (weights * probability * (1 - probability))) @ inputs.T + 1e-9 * np.eye(2)
        parameters = parameters - np.linalg.solve(curvature, gradient).clip(-1, 1)
    scale, bias = (float(x) for x in parameters)
    if scale <= 0:
        raise ValueError("the logits do not rise with relevance")
    fitted = sigmoid(scale * logits + bias)
    return Calibration(
        scale, bias,
        error_before=expected_error(sigmoid(logits), relevant, weights),
        error=expected_error(fitted, relevant, weights),
        error_in_lists=expected_error(fitted, relevant, equal_weights(names)),
    )
