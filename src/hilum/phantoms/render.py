"""From a case to a film with its truth."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from scipy.ndimage import find_objects, label

from hilum.errors import InvalidValueError
from hilum.findings import NIH_FINDINGS
from hilum.phantoms.anatomy import Sex, View
from hilum.phantoms.beam import detect, develop, transmit
from hilum.phantoms.case import Case, draw_case
from hilum.phantoms.chest import Chest, Mask, build_chest
from hilum.phantoms.grid import Grid

__all__ = ["SMALLEST_PX", "Box", "Phantom", "boxes_of", "layers", "render_film", "render_phantom"]

SMALLEST_PX = 32
"""Below this a nodule is less than a pixel."""

Box = tuple[int, int, int, int]
"""x, y, width, height in pixels, the origin in the upper left corner."""


@dataclass(frozen=True)
class Phantom:
    """A made-up film and all that is known of it.

    Attributes:
        pixels: The film, dense parts bright.
        targets: 1 or 0 for each of NIH's findings.
        masks: Where each finding present is seen.
        boxes: Around each separate part of each mask.
        view: PA or AP.
        sex: M or F.
        age_years: At this film.
        patient_number: From 1.
        follow_up: Number of this film among the patient's, from 0.
        spacing_mm: Side of a pixel at the detector.
    """

    pixels: UInt8[np.ndarray, "height width"]
    targets: Mapping[str, int]
    masks: Mapping[str, Mask]
    boxes: Mapping[str, list[Box]]
    view: View
    sex: Sex
    age_years: int
    patient_number: int
    follow_up: int
    spacing_mm: float


def layers(case: Case, size_px: int) -> tuple[Chest, dict[str, Mask]]:
    """Build the chest of a case with its signs worked in; returns it with the signs' masks."""
    anatomy = case.anatomy
    for sign in case.signs.values():
        anatomy = sign.reshape(anatomy)
    pose = case.pose
    grid = Grid(size_px, pose.field_cm, pose.centre_y_cm, pose.centre_x_cm, pose.tilt)
    chest = build_chest(anatomy, grid)
    placed = sorted(case.signs.items(), key=lambda item: item[1].stage)
    masks = {name: sign.place(chest) for name, sign in placed}
    return chest, {name: masks[name] for name in case.signs}


def render_phantom(case: Case, size_px: int) -> Phantom:
    """Render a case on a square film.

    Args:
        case: As ``draw_case`` draws it.
        size_px: Side of the film in pixels, at least 32; multiples of 32 are fastest.

    Raises:
        InvalidValueError: ``size_px`` is too small.

    Example:
        >>> from hilum.phantoms.case import draw_case
        >>> render_phantom(draw_case(0, 0), 64).pixels.shape
        (64, 64)
    """
    if size_px < SMALLEST_PX:
        raise InvalidValueError(f"size_px must be at least {SMALLEST_PX}, got {size_px}")
    chest, masks = layers(case, size_px)
    rng = np.random.default_rng((case.seed, case.index, size_px))
    passed = transmit(chest.water(), chest.bone, case.beam.spectrum)
    exposure = detect(passed, case.beam, chest.grid, rng)
    return Phantom(
        pixels=develop(exposure, case.display, chest.grid, chest.lung),
        targets={name: int(name in masks) for name in NIH_FINDINGS},
        masks=masks,
        boxes={name: boxes_of(mask) for name, mask in masks.items()},
        view=case.view,
        sex=case.sex,
        age_years=case.age_years,
        patient_number=case.patient_number,
        follow_up=case.follow_up,
        spacing_mm=10 * chest.grid.spacing_cm,
    )


def render_film(seed: int, index: int, *, size_px: int, prevalence: Mapping[str, float] | str = "balanced") -> Phantom:
    """Draw and render film ``index`` of the set ``seed``: one call that another process can be sent."""
    return render_phantom(draw_case(seed, index, prevalence=prevalence), size_px)


def boxes_of(mask: Mask) -> list[Box]:
    """One box around each connected part of a mask, from left to right.

    Example:
        >>> boxes_of(np.array([[True, False, False], [False, False, True]]))
        [(0, 0, 1, 1), (2, 1, 1, 1)]
    """
    parts, _ = label(mask, structure=np.ones((3, 3)))
    found = [(down, across) for down, across in find_objects(parts)]
    return sorted((x.start, y.start, x.stop - x.start, y.stop - y.start) for y, x in found)
