"""The detector plane: pixels in centimetres, and the three ways to put matter on it.

Bulky organs are smooth thickness fields over the grid; long thin ones (ribs, vessels, septa) are tubes whose
matter is laid down drop by drop, which conserves volume at every resolution; textures are random lattices.
All three look the same at 96 px and at 2,048 px: only the sampling differs.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter

__all__ = ["Field", "Grid", "Tubes"]

Field = Float[np.ndarray, "height width"]

COARSE_PX = 32
BATCH = 16384


@dataclass(frozen=True)
class Tubes:
    """Curved tubes of one kind, seen from the source.

    Attributes:
        x: Centre line in cm, one row per tube.
        y: The same, downwards.
        radius: Half of the width seen by the detector, in cm.
        depth: Path length of a ray through the centre line, in cm.
        hollow: Share of the radius that is marrow or air; 0 is solid. Hollow tubes have bright edges.
        stretch: Length along the tube per length seen; above 1 where the tube runs towards the detector.
    """

    x: Float[np.ndarray, "tube point"]
    y: Float[np.ndarray, "tube point"]
    radius: Float[np.ndarray, "tube point"]
    depth: Float[np.ndarray, "tube point"]
    hollow: float = 0.0
    stretch: Float[np.ndarray, "tube point"] | float = 1.0


@dataclass(frozen=True)
class Grid:
    """A square detector.

    Attributes:
        size_px: Pixels along a side.
        field_cm: Length of a side in cm.
        centre_y_cm: Height of the detector's centre in the patient's coordinates; positive is towards the feet.
        centre_x_cm: The same sideways; positive is towards the patient's left, the right of the image.
        tilt: In-plane rotation of the patient, in radians.
    """

    size_px: int
    field_cm: float
    centre_y_cm: float = 0.0
    centre_x_cm: float = 0.0
    tilt: float = 0.0

    @property
    def spacing_cm(self) -> float:
        """Length of a pixel's side in cm."""
        return self.field_cm / self.size_px

    @cached_property
    def steps_cm(self) -> Float[np.ndarray, " pixel"]:
        """Pixel centres along one side, 0 in the middle."""
        return ((np.arange(self.size_px) + 0.5) * self.spacing_cm - self.field_cm / 2).astype(np.float32)

    @cached_property
    def x(self) -> Field:
        """Distance from the midline in cm, positive towards the patient's left."""
        across, down = self.steps_cm[None, :], self.steps_cm[:, None]
        return across - self.tilt * down + np.float32(self.centre_x_cm)

    @cached_property
    def y(self) -> Field:
        """Height in cm, positive towards the feet."""
        across, down = self.steps_cm[None, :], self.steps_cm[:, None]
        return down + self.tilt * across + np.float32(self.centre_y_cm)

    @cached_property
    def rows(self) -> Float[np.ndarray, "height 1"]:
        """Heights of the rows where the tilt does not matter, in cm."""
        return self.steps_cm[:, None] + np.float32(self.centre_y_cm)

    def points(self, length_cm: float) -> int:
        """Number of samples that follow a curve of ``length_cm`` without gaps."""
        return max(4, math.ceil(length_cm / self.spacing_cm) + 1)

    def drop(self, x: np.ndarray, y: np.ndarray, volume: np.ndarray) -> Field:
        """Lay volumes (cm³) down at points (cm); returns their thickness in cm, shared by the four nearest pixels."""
        size, scale = self.size_px, np.float32(1 / self.spacing_cm)
        # Inverse of the rotation in ``x`` and ``y``, to first order in the tilt.
        x, y, tilt = x - np.float32(self.centre_x_cm), y - np.float32(self.centre_y_cm), np.float32(self.tilt)
        middle = np.float32(size / 2 - 0.5)
        across, down = (x + tilt * y) * scale + middle, (y - tilt * x) * scale + middle
        inside = (across > 0) & (across < size - 1) & (down > 0) & (down < size - 1)
        across, down, volume = across[inside], down[inside], volume[inside] * scale * scale
        column, row = across.astype(np.int32), down.astype(np.int32)
        right, below = across - column, down - row
        first = row * np.int32(size) + column
        low, high = volume * (1 - below), volume * below
        place = np.concatenate((first, first + 1, first + size, first + (size + 1)))
        low_right, high_right = low * right, high * right
        share = np.concatenate((low - low_right, low_right, high - high_right, high_right))
        total = np.bincount(place, weights=share, minlength=size * size)
        return total.astype(np.float32).reshape(size, size)

    def tubes(self, *groups: Tubes) -> Field:
        """Path length through tubes in cm; zero where there is none."""
        points = [self._spread(group) for group in groups]
        x, y, volume = (np.concatenate(parts) for parts in zip(*points, strict=True))
        total = np.zeros((self.size_px, self.size_px), dtype=np.float32)
        for start in range(0, len(x), BATCH):  # Pieces that stay in the cache: three times faster than all at once.
            piece = slice(start, start + BATCH)
            total += self.drop(x[piece], y[piece], volume[piece])
        return total

    def _spread(self, tubes: Tubes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The matter of ``tubes`` as points: x and y in cm, volume in cm³."""
        x, y = tubes.x.astype(np.float32), tubes.y.astype(np.float32)
        along_x, along_y = _slope(x), _slope(y)
        length = np.sqrt(along_x * along_x + along_y * along_y) + np.float32(1e-9)
        count = max(1, math.ceil(2 * float(tubes.radius.max(initial=0.0)) / (0.9 * self.spacing_cm)))
        across = (np.arange(count) + 0.5) / count * 2 - 1
        profile = np.sqrt(1 - across**2)
        if count > 1:  # A tube thinner than a pixel has all its cross-section on the centre line.
            profile -= tubes.hollow * np.sqrt(np.maximum(1 - (across / max(tubes.hollow, 1e-6)) ** 2, 0))
        profile *= math.pi / 4 * (1 - tubes.hollow**2) / profile.mean()
        reach = (tubes.radius / length).astype(np.float32)
        area = (tubes.depth * tubes.radius * length * tubes.stretch).astype(np.float32)
        area[:, [0, -1]] *= np.float32(0.5)
        at = across.astype(np.float32)[:, None, None]
        weight = (profile * (2 / count)).astype(np.float32)[:, None, None]
        points = (x - at * (along_y * reach), y + at * (along_x * reach), weight * area)
        return points[0].ravel(), points[1].ravel(), points[2].ravel()

    def texture(self, rng: np.random.Generator, grain_cm: float) -> Field:
        """A smooth random field of mean 0 and standard deviation near 1 whose grains are ``grain_cm`` wide."""
        reach = 60.0  # Larger than any detector, so that the lattice does not depend on the film.
        count = math.ceil(reach / grain_cm) + 4
        lattice = rng.standard_normal((count, count), dtype=np.float32)
        down = self._spline(lattice, self.centre_y_cm, grain_cm)
        return self._spline(np.ascontiguousarray(2.1 * down.T), self.centre_x_cm, grain_cm).T

    def _spline(
        self, lattice: Float[np.ndarray, "knot other"], centre_cm: float, grain_cm: float
    ) -> Float[np.ndarray, "pixel other"]:
        """Cubic B-spline through the knots of the first axis, at the pixels.

        Four taps instead of a matrix product: the bytes must not depend on how many threads a BLAS takes.
        """
        at = (self.steps_cm + np.float32(centre_cm)) / np.float32(grain_cm) + np.float32(len(lattice) / 2)
        first = np.floor(at).astype(np.int64)
        t = (at - first)[:, None]
        taps = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, 3 * t * (t - t * t + 1) + 1, t**3)
        smooth = np.zeros((len(at), lattice.shape[1]), dtype=np.float32)
        for offset, tap in enumerate(taps):
            smooth += (tap / 6).astype(np.float32) * lattice[first + (offset - 1)]
        return smooth

    def blur(self, field: Field, sigma_cm: float) -> Field:
        """Gaussian blur; above 1 cm it works on a coarse grid, where nothing finer is left."""
        if sigma_cm > 1.0 and self.size_px % COARSE_PX == 0 and self.size_px > COARSE_PX:
            block = self.size_px // COARSE_PX
            coarse = field.reshape(COARSE_PX, block, COARSE_PX, block).mean((1, 3))
            smooth = gaussian_filter(coarse, sigma_cm / (self.spacing_cm * block), mode="nearest", truncate=3)
            return self._refine(self._refine(smooth).T).T
        blurred: Field = gaussian_filter(field, sigma_cm / self.spacing_cm, mode="nearest", truncate=3)
        return blurred

    def _refine(self, coarse: Float[np.ndarray, "block other"]) -> Float[np.ndarray, "pixel other"]:
        """Linear interpolation of the first axis from the coarse grid to the pixels."""
        at = np.clip((np.arange(self.size_px) + 0.5) / (self.size_px // COARSE_PX) - 0.5, 0, COARSE_PX - 1)
        first = np.minimum(at.astype(np.int64), COARSE_PX - 2)
        t = (at - first).astype(np.float32)[:, None]
        fine: Field = (1 - t) * coarse[first] + t * coarse[first + 1]
        return fine


def _slope(curve: Float[np.ndarray, "tube point"]) -> Float[np.ndarray, "tube point"]:
    """Difference from point to point, centred; one-sided at the ends."""
    slope = np.empty_like(curve)
    slope[:, 1:-1] = (curve[:, 2:] - curve[:, :-2]) * np.float32(0.5)
    slope[:, 0], slope[:, -1] = curve[:, 1] - curve[:, 0], curve[:, -1] - curve[:, -2]
    return slope
