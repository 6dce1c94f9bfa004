"""What a list teaches: the distances between its scores, its order, and how high they are."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

# Logits for one standard deviation of the teacher's score.
LOGITS_PER_DEVIATION = 2.0
WEIGHTS = {"distance": 0.25, "order": 0.5, "level": 0.15}


def list_losses(logits: Tensor, target: np.ndarray, label: np.ndarray) -> dict[str, Tensor]:
    """The three losses of one list.

    - `distance`: smooth L1 between logits and targets, both centred within the list, so that every pair teaches;
    - `order`: divergence from the teacher's distribution over the list, in which the best candidates weigh most;
    - `level`: binary cross-entropy with soft labels, which fixes the scores' absolute height.
    """
    wanted = torch.from_numpy(target) * LOGITS_PER_DEVIATION
    return {
        "distance": F.smooth_l1_loss(logits - logits.mean(), wanted - wanted.mean(), beta=2.0),
        "order": F.kl_div(logits.log_softmax(0), wanted.softmax(0), reduction="sum"),
        "level": F.binary_cross_entropy_with_logits(logits, torch.from_numpy(label)),
    }


def total(losses: dict[str, Tensor]) -> Tensor:
    """The weighted sum."""
    return sum(WEIGHTS[name] * loss for name, loss in losses.items())
