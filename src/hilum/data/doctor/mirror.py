"""Films that look mirrored: the heart on the other side.

A small network learns from the set itself to tell films from their mirror images. What it says of a film is the
difference between film and mirror image, so it cannot prefer a side by chance.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64, UInt8
from torch import Tensor, nn

__all__ = ["mirror_scores"]

OnProgress = Callable[[int, int], None]
Films = UInt8[np.ndarray, "film 64 64"]

_N_TAUGHT, _EPOCHS, _BATCH = 4000, 6, 64
_RATE, _SHRINK = 5e-3, 0.05
_SHIFT_PX = 2


def mirror_scores(
    films: Films, groups: Int64[np.ndarray, " film"], *, on_progress: OnProgress | None = None
) -> Float64[np.ndarray, " film"]:
    """Return the logit of being stored right, each film judged by a network that knows no film of its patient.

    Args:
        films: A thousand at least, or it learns too little.
        groups: A number per patient; two halves of the patients judge each other.
        on_progress: Told of steps done and steps in all.
    """
    squares = _squares(films)
    generator = np.random.default_rng(0)
    _, groups = np.unique(groups, return_inverse=True)
    half = (generator.permutation(groups.max() + 1) % 2)[groups]
    scores = np.zeros(len(films))
    for part in (0, 1):
        others = np.flatnonzero(half != part)
        taught = generator.choice(others, min(_N_TAUGHT, len(others)), replace=False)
        network = _teach(squares[taught], generator)
        scores[half == part] = _judge(network, squares[half == part])
        if on_progress:
            on_progress(part + 1, 2)
    return scores


def _squares(films: Films) -> Float32[np.ndarray, "film 32 32"]:
    small: Float32[np.ndarray, "film 32 32"] = films.reshape(len(films), 32, 2, 32, 2).mean((2, 4), dtype=np.float32)
    small -= small.mean((1, 2), keepdims=True)
    small /= small.std((1, 2), keepdims=True) + 4
    return small


def _network() -> nn.Sequential:
    def layer(into: int, out: int, stride: int) -> Iterator[nn.Module]:
        yield nn.Conv2d(into, out, 3, stride, 1)
        yield nn.BatchNorm2d(out)
        yield nn.ReLU()

    layers = [*layer(1, 12, 2), *layer(12, 24, 1), *layer(24, 24, 1), *layer(24, 48, 2), *layer(48, 48, 1)]
    return nn.Sequential(*layers, nn.Dropout(0.3), nn.Flatten(), nn.Linear(48 * 64, 1))


def _teach(squares: Float32[np.ndarray, "film 32 32"], generator: np.random.Generator) -> nn.Sequential:
    """Teach a network that each of these is right and its mirror image is not; the caller's random state is kept."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = _network().train()
        n_steps = max(1, len(squares) // _BATCH)
        optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=_SHRINK)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=_EPOCHS * n_steps)
        for _ in range(_EPOCHS):
            for chosen in np.array_split(generator.permutation(len(squares)), n_steps):
                down, right = generator.integers(-_SHIFT_PX, _SHIFT_PX + 1, 2).tolist()
                films = torch.from_numpy(np.roll(squares[chosen], (down, right), (1, 2)))[:, None]
                loss = nn.functional.softplus(-_difference(network, films)).mean()
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
    return network.eval()


def _difference(network: nn.Module, films: Tensor) -> Tensor:
    both: Tensor = network(torch.cat([films, films.flip(3)]))[:, 0]
    return both[: len(films)] - both[len(films) :]


def _judge(network: nn.Module, squares: Float32[np.ndarray, "film 32 32"]) -> Float64[np.ndarray, " film"]:
    with torch.inference_mode():
        parts = [torch.from_numpy(squares[start : start + 512])[:, None] for start in range(0, len(squares), 512)]
        return np.concatenate([_difference(network, part).numpy() for part in parts]).astype(np.float64)
