"""The moving average of the weights.

Source: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992, in the exponential form
that is common today; the first steps average faster (decay at most (1 + n) / (10 + n)).
"""

import torch
from torch import Tensor, nn

__all__ = ["MovingAverage"]


class MovingAverage:
    """Keeps an average of a model's parameters and buffers.

    The model must stay on its device; its tensors may change in place only, as steps and ``load_state_dict`` do.

    Attributes:
        state: Averaged tensors by name; counters are copied, not averaged.
        steps: Steps averaged.
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        self._decay = decay
        self.steps = 0
        present: dict[str, Tensor] = dict(model.state_dict())
        self.state = {name: tensor.detach().clone() for name, tensor in present.items()}
        names = [name for name, tensor in present.items() if tensor.is_floating_point()]
        self._averages, self._present = [self.state[name] for name in names], [present[name] for name in names]
        self._counters = [(self.state[name], present[name]) for name in present if name not in set(names)]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the model's present weights."""
        self.steps += 1
        weight = 1 - min(self._decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self._averages, self._present, weight)
        for copied, counter in self._counters:
            copied.copy_(counter)

    def load(self, state: dict[str, Tensor], *, steps: int) -> None:
        """Go on from a checkpoint."""
        for name, tensor in self.state.items():
            tensor.copy_(state[name])
        self.steps = steps
