"""Augmentation: small changes of geometry and grey values, as another exposure of the same patient would give.

What happens to a film depends on (seed, epoch, film) alone: not on the batch it is in, nor on the order of films.
"""

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from hilum.config import Section, setting

__all__ = ["Augmentation", "AugmentationSection"]

_N_DRAWS = 8


class AugmentationSection(Section):
    """How far a film may be changed; all 0 changes nothing.

    Attributes:
        rotation_deg: Largest rotation, either way.
        shift: Largest shift as a share of the side, either way, in each direction.
        scale: Largest enlargement or reduction, as a share.
        flip: Probability of a left-right mirror image.
        brightness: Largest grey value added or taken away; pixels lie in [0, 1].
        contrast: Largest change of contrast about the film's mean, as a share.
        gamma: Largest change of the exponent of the grey-value curve, as a share.
    """

    rotation_deg: float = setting(default=7.0, ge=0, le=180)
    shift: float = setting(default=0.05, ge=0, le=0.5)
    scale: float = setting(default=0.1, ge=0, lt=1)
    flip: float = setting(default=0.5, ge=0, le=1)
    brightness: float = setting(default=0.1, ge=0, le=1)
    contrast: float = setting(default=0.1, ge=0, lt=1)
    gamma: float = setting(default=0.1, ge=0, lt=1)


class Augmentation:
    """Applies an :class:`AugmentationSection` to batches of films."""

    def __init__(self, section: AugmentationSection, *, seed: int) -> None:
        self._section = section
        self._seed = seed

    def apply(
        self, pixels: UInt8[np.ndarray, "image size size"], *, epoch: int, films: Int64[np.ndarray, " image"]
    ) -> Float[Tensor, "image 1 size size"]:
        """Return films in [0, 1], changed.

        Args:
            pixels: The films.
            epoch: Counts from 0; another epoch, other changes.
            films: What tells the films apart, such as their rows in the store.
        """
        images = torch.from_numpy(pixels).unsqueeze(1).float() / 255
        draws = torch.from_numpy(np.stack([self._draw(epoch, int(film)) for film in films]))
        return self._exposed(self._moved(images, draws[:, :5]), draws[:, 5:])

    def _draw(self, epoch: int, film: int) -> Float[np.ndarray, " draw"]:
        """Return numbers in [-1, 1) that are this film's in this epoch."""
        generator = np.random.Philox(key=np.array([self._seed, epoch], np.uint64), counter=[0, 0, 0, film])
        return np.random.Generator(generator).uniform(-1, 1, _N_DRAWS).astype(np.float32)

    def _moved(
        self, images: Float[Tensor, "image 1 size size"], draws: Float[Tensor, "image 5"]
    ) -> Float[Tensor, "image 1 size size"]:
        """Rotate, enlarge, shift and mirror, with black beyond the edge."""
        limits = self._section
        angle = draws[:, 0] * float(np.deg2rad(limits.rotation_deg))
        zoom = 1 + draws[:, 1] * limits.scale
        # Uniform in [-1, 1): below 2 * flip - 1 with probability flip.
        mirror = torch.where(draws[:, 2] < 2 * limits.flip - 1, -1.0, 1.0)
        cosine, sine = angle.cos() / zoom, angle.sin() / zoom
        # Coordinates run from -1 to 1, so that a share of the side is twice as much here.
        across, down = 2 * limits.shift * draws[:, 3], 2 * limits.shift * draws[:, 4]
        matrix = torch.stack(
            [torch.stack([mirror * cosine, -mirror * sine, across], 1), torch.stack([sine, cosine, down], 1)], 1
        )
        grid = affine_grid(matrix, list(images.shape), align_corners=False)
        return grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    def _exposed(
        self, images: Float[Tensor, "image 1 size size"], draws: Float[Tensor, "image 3"]
    ) -> Float[Tensor, "image 1 size size"]:
        """Change gamma, contrast and brightness; grey values stay in [0, 1]."""
        limits = self._section
        brightness, contrast, gamma = draws.view(-1, 3, 1, 1, 1).unbind(1)
        images = images.clamp(0, 1) ** (1 + gamma * limits.gamma)
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        changed = (images - mean) * (1 + contrast * limits.contrast) + mean + brightness * limits.brightness
        return changed.clamp_(0, 1)
