"""The moving average of the weights.

Source: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992, in the exponential form
that is common today; the first steps average faster (decay at most (1 + n) / (10 + n)).
"""

import torch
from torch import Tensor, nn

__all__ = ["MovingAverage"]


class MovingAverage:
    """Keeps an average of a model's parameters and buffers.

    Attributes:
        state: Averaged tensors by name; counters are copied, not averaged.
        steps: Steps averaged.
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        self._decay = decay
        self.steps = 0
        self.state: dict[str, Tensor] = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take in the model's present weights."""
        self.steps += 1
        weight = 1 - min(self._decay, (1 + self.steps) / (10 + self.steps))
        current = model.state_dict()
        names = [name for name, tensor in self.state.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([self.state[name] for name in names], [current[name] for name in names], weight)  # noqa: SLF001
        for name, tensor in self.state.items():
            if not tensor.is_floating_point():
                tensor.copy_(current[name])

    def load(self, state: dict[str, Tensor], *, steps: int) -> None:
        """Go on from a checkpoint."""
        for name, tensor in self.state.items():
            tensor.copy_(state[name])
        self.steps = steps
