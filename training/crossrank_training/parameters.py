"""The trained parameters of a model as flat tensors, so that sums, averages and steps are a few operations."""

import torch
from torch import Tensor, nn

from .model import CrossEncoder

HEAD = ("classifier.", "bert.pooler.")


class FlatParameters:
    """Three runs in one tensor: matrices, biases and norms, and the head (pooler and classifier)."""

    def __init__(self, model: CrossEncoder):
        self.model = model
        named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        groups: list[list[nn.Parameter]] = [[], [], []]
        for name, parameter in named:
            groups[2 if name.startswith(HEAD) else 0 if parameter.dim() > 1 else 1].append(parameter)
        self.parameters = [parameter for group in groups for parameter in group]
        self.lengths = [sum(p.numel() for p in group) for group in groups]
        self.values = torch.cat([p.detach().reshape(-1) for p in self.parameters])
        self.bind(self.values)

    def bind(self, values: Tensor) -> None:
        """Makes the model's parameters views of `values`."""
        self.values = values
        for parameter, view in zip(self.parameters, self._views(values)):
            parameter.data = view

    def collect_gradients(self, into: Tensor) -> None:
        """Lets gradients accumulate in `into`, which starts at zero."""
        into.zero_()
        for parameter, view in zip(self.parameters, self._views(into)):
            parameter.grad = view

    def _views(self, flat: Tensor) -> list[Tensor]:
        sizes = [p.numel() for p in self.parameters]
        return [part.view_as(p) for p, part in zip(self.parameters, flat.split(sizes))]


class AdamW:
    """Adam with decoupled weight decay over flat parameters, one rate for the encoder and one for the head."""

    def __init__(self, flat: FlatParameters, beta1: float = 0.9, beta2: float = 0.98, decay: float = 0.01):
        self.flat, self.beta1, self.beta2 = flat, beta1, beta2
        self.decays = (decay, 0.0, decay)
        self.steps = 0
        self.mean = torch.zeros_like(flat.values)
        self.square = torch.zeros_like(flat.values)

    def step(self, gradient: Tensor, rate: float, head_rate: float, clip: float = 1.0) -> float:
        """Applies one gradient, cut to the norm `clip`. Returns the norm before the cut."""
        norm = float(gradient.norm())
        if norm > clip:
            gradient.mul_(clip / norm)
        self.steps += 1
        self.mean.lerp_(gradient, 1 - self.beta1)
        self.square.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        mean_scale = 1 / (1 - self.beta1**self.steps)
        square_scale = 1 / (1 - self.beta2**self.steps)
        direction = self.mean / (self.square.mul(square_scale).sqrt_().add_(1e-6))
        runs = zip(self.flat.values.split(self.flat.lengths), direction.split(self.flat.lengths), self.decays)
        for (values, part, decay), of_run in zip(runs, (rate, rate, head_rate)):
            values.mul_(1 - of_run * decay).add_(part, alpha=-of_run * mean_scale)
        return norm
