"""A score that can be read as a probability: scale and bias of the logit, fitted on the development sets."""

from dataclasses import dataclass

import numpy as np

from .evaluate import DevelopmentList

# Grades from which a passage counts as relevant: TREC DL's 1 means "related, but no answer".
RELEVANT_FROM = {"dl21": 2}


@dataclass(frozen=True)
class Calibration:
    """`sigmoid(scale * logit + bias)`, and the expected calibration error before and after, from 0 to 1."""

    scale: float
    bias: float
    error_before: float
    error: float


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def outcomes(lists: list[DevelopmentList], scores: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logit, relevance and weight of every pair. Each set weighs the same."""
    logits = np.concatenate(scores).astype(np.float64)
    relevant = np.array([g >= RELEVANT_FROM.get(each.name, 1) for each in lists for g in each.grades], np.float64)
    names = [each.name for each in lists for _ in each.pairs]
    counts = {name: names.count(name) for name in set(names)}
    weights = np.array([1 / counts[name] for name in names]) / len(counts)
    return logits, relevant, weights


def expected_error(probability: np.ndarray, relevant: np.ndarray, weights: np.ndarray, bins: int = 10) -> float:
    """The mean distance, over equal bins of the score, between its mean and the share of relevant passages."""
    bin_of = np.minimum((probability * bins).astype(int), bins - 1)
    gaps = [abs(float((weights * (probability - relevant))[bin_of == number].sum())) for number in range(bins)]
    return sum(gaps)


def fit(lists: list[DevelopmentList], scores: list[np.ndarray]) -> Calibration:
    """Newton's method on the weighted log loss."""
    logits, relevant, weights = outcomes(lists, scores)
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
    before = expected_error(sigmoid(logits), relevant, weights)
    return Calibration(scale, bias, before, expected_error(sigmoid(scale * logits + bias), relevant, weights))
