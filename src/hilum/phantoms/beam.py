"""From thickness to film: attenuation, scatter, quantum noise, and the display curve of a digital detector.

Source: attenuation coefficients of water and cortical bone (1.92 g/cm³) from NIST's X-ray mass attenuation tables
(Hubbell and Seltzer, NISTIR 5632); the four-line spectra are our rough fit to filtered beams.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8

from hilum.phantoms.grid import Field, Grid

__all__ = [
    "BONE_PER_CM",
    "ENERGIES_KEV",
    "WATER_PER_CM",
    "Beam",
    "Display",
    "detect",
    "develop",
    "draw_beam",
    "transmit",
]

ENERGIES_KEV = (50, 60, 80, 100)
WATER_PER_CM = (0.2269, 0.2059, 0.1837, 0.1707)
BONE_PER_CM = (0.8145, 0.6044, 0.4280, 0.3562)

PHOTONS_PER_CM2 = 4.0e7
"""Photons at the detector without a patient that give the usual dose of 2.5 µGy behind one."""


@dataclass(frozen=True)
class Beam:
    """The quality of an exposure.

    Attributes:
        spectrum: Share of the detected energy on each line of ``ENERGIES_KEV``; sums to 1.
        dose: Exposure relative to the usual one.
        scatter: Scattered over primary radiation, averaged over the film.
    """

    spectrum: tuple[float, float, float, float]
    dose: float
    scatter: float


@dataclass(frozen=True)
class Display:
    """How the logarithm of the exposure becomes grey.

    Attributes:
        flatten: Share of the coarse density differences that is taken out, as picture stations do.
        sharpen: Gain on the fine structure.
        gamma: Exponent on the grey scale; below 1 is brighter.
        black: Grey of the lungs' darkest parts, from 0 to 1.
    """

    flatten: float
    sharpen: float
    gamma: float
    black: float


def draw_beam(rng: np.random.Generator, view: Literal["PA", "AP"]) -> tuple[Beam, Display]:
    """Draw an exposure: hard and clean on the wall stand (PA), soft and with more scatter at the bedside (AP)."""
    bedside = view == "AP"
    hard = rng.uniform(0.1, 0.4) if bedside else rng.uniform(0.6, 1.0)
    soft_line, hard_line = np.array((0.45, 0.35, 0.18, 0.02)), np.array((0.22, 0.26, 0.30, 0.22))
    spectrum = tuple(float(share) for share in (1 - hard) * soft_line + hard * hard_line)
    beam = Beam(
        (spectrum[0], spectrum[1], spectrum[2], spectrum[3]),
        dose=float(np.exp(rng.normal(0, 0.35))),
        scatter=rng.uniform(0.5, 0.9) if bedside else rng.uniform(0.25, 0.5),
    )
    display = Display(rng.uniform(0.2, 0.45), rng.uniform(0.3, 0.9), rng.uniform(0.85, 1.2), rng.uniform(0.10, 0.22))
    return beam, display


def transmit(
    water_cm: Field, bone_cm: Field, spectrum: tuple[float, float, float, float]
) -> Float[np.ndarray, "height width"]:
    """Share of the beam that passes: Beer-Lambert's law, summed over the spectrum.

    Example:
        >>> transmit(np.full((1, 1), 10.0), np.zeros((1, 1)), (0, 1, 0, 0)).round(4)
        array([[0.1276]])
    """
    passed = np.zeros_like(water_cm)
    for share, water, bone in zip(spectrum, WATER_PER_CM, BONE_PER_CM, strict=True):
        if share:
            passed += share * np.exp(-water * water_cm - bone * bone_cm)
    return passed


def detect(passed: Field, beam: Beam, grid: Grid, rng: np.random.Generator) -> Field:
    """Add scattered radiation and quantum noise; returns the exposure, 1 without a patient."""
    scattered = grid.blur(np.minimum(passed, 0.25), 4.0)
    exposure = passed + beam.scatter * scattered
    photons = PHOTONS_PER_CM2 * beam.dose * grid.spacing_cm**2
    noise = rng.standard_normal(passed.shape, dtype=np.float32)
    return np.maximum(exposure + np.sqrt(exposure / np.float32(photons)) * noise, 1e-6)


def develop(exposure: Field, display: Display, grid: Grid, lungs: Field) -> UInt8[np.ndarray, "height width"]:
    """Turn exposure into grey, dense parts bright.

    Args:
        exposure: As ``detect`` returns it.
        display: The picture station's settings.
        grid: The detector.
        lungs: Thickness of the lungs in cm; tells the station where the lungs are, as its own search would.
    """
    density = -np.log(exposure)
    body = np.maximum(density, 0.8)
    density -= display.flatten * (grid.blur(body, 3.0) - body.mean())
    density += display.sharpen * (density - grid.blur(density, 0.35))
    coarse = slice(None, None, max(1, grid.size_px // 64))
    thin, few = density[coarse, coarse], lungs[coarse, coarse]
    dark = float(np.quantile(thin[few > 0.4 * few.max()], 0.02))
    bright = float(np.quantile(thin, 0.97))
    level = (density - dark) * np.float32((0.95 - display.black) / max(bright - dark, 1e-3)) + np.float32(display.black)
    steps = np.clip(level * np.float32(_STEPS / _TOP), 0, _STEPS).astype(np.int16)
    grey: UInt8[np.ndarray, "height width"] = _curve(display.gamma)[steps]
    return grey


_STEPS, _TOP = 8191, 1.25
"""Resolution of the display curve, and the level at which it ends."""


def _curve(gamma: float) -> UInt8[np.ndarray, " step"]:
    """Grey of each step of the level, with a soft shoulder so that the abdomen is not cut off hard."""
    level = np.linspace(0, _TOP, _STEPS + 1)
    level = np.where(level > 0.85, 0.85 + 0.15 * np.tanh((level - 0.85) / 0.15), level)
    return np.rint(255 * level**gamma).astype(np.uint8)
