"""The patient in numbers: centimetres, drawn once per patient and altered per film and per finding.

Coordinates: x grows towards the patient's left (the right of the image), y towards the feet; the origin is on
the midline just below the carina.

Source: sizes from textbooks of radiographic anatomy (cardiothoracic ratio below 0.5 on PA films, right dome higher
than the left by 1 to 2 cm, ten posterior ribs above the diaphragm in full inspiration, carina near the fifth thoracic
vertebra). The spreads are our choice.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

__all__ = ["Anatomy", "Cage", "Heart", "Lungs", "Patient", "Skeleton", "Wall", "draw_anatomy", "draw_patient"]

Sex = Literal["M", "F"]
View = Literal["PA", "AP"]


@dataclass(frozen=True)
class Cage:
    """The inside of the rib cage and the diaphragm.

    Attributes:
        half_width: Largest half-width, in cm.
        half_depth: Largest half-depth along the beam, in cm.
        apex_y: Height of the lungs' apices.
        wide_y: Height from which on the cage keeps its full width.
        domes_y: Heights of the right and the left dome.
        dome_rise: How far the costophrenic angle lies below its dome, in cm.
        turn: Rotation about the long axis: share by which the left half is wider than the right.
    """

    half_width: float
    half_depth: float
    apex_y: float
    wide_y: float
    domes_y: tuple[float, float]
    dome_rise: float
    turn: float


@dataclass(frozen=True)
class Heart:
    """The heart and the great vessels.

    Attributes:
        ratio: Cardiothoracic ratio.
        axis: Angle of the long axis below the horizontal, in radians.
        roundness: Short axis over long axis.
        shift: Displacement of heart and mediastinum towards the patient's left, in cm.
        mediastinum: Half-width of the upper mediastinum, in cm.
        knob: Radius of the aortic knob, in cm.
        calcified: Thickness of chalk in the wall of the knob, in cm.
    """

    ratio: float
    axis: float
    roundness: float
    shift: float
    mediastinum: float
    knob: float
    calcified: float


@dataclass(frozen=True)
class Lungs:
    """What fills the lungs.

    Attributes:
        density: Density relative to water; 0.26 is the normal inflated lung.
        calibre: Radius of the vessels relative to normal.
        vessels: Share of the vessels that are there.
        interstitium: Texture of the finest vessels, in cm of water.
        seed: Seed of the vessel tree, the same on every film of a patient.
    """

    density: float
    calibre: float
    vessels: float
    interstitium: float
    seed: int


@dataclass(frozen=True)
class Skeleton:
    """Bones.

    Attributes:
        mineral: Mineral content relative to a healthy adult.
        rib_pitch: Distance of neighbouring ribs at the spine, in cm.
        rib_drop: Descent of the sixth rib from spine to cartilage, in cm.
        rib_height: Half-height of a rib, in cm.
        clavicle_rise: How far the clavicles' outer ends lie above the inner ones, in cm.
        scapula_out: How far the scapulae are turned out of the lung fields, in cm.
        scoliosis: Sideways amplitude of the spine, in cm.
    """

    mineral: float
    rib_pitch: float
    rib_drop: float
    rib_height: float
    clavicle_rise: float
    scapula_out: float
    scoliosis: float


@dataclass(frozen=True)
class Wall:
    """Soft tissue around the cage.

    Attributes:
        fat: Thickness of the side wall, in cm.
        depth: Soft tissue in front of and behind the cage, together, in cm.
        breast: Radius of a breast, in cm; 0 for none.
        breast_depth: Thickness of a breast, in cm.
        arm: Radius of the upper arm, in cm.
        arm_spread: Sideways distance of the elbow from the shoulder, in cm.
        stomach: Radius of the stomach's gas bubble, in cm; 0 for none.
    """

    fat: float
    depth: float
    breast: float
    breast_depth: float
    arm: float
    arm_spread: float
    stomach: float


@dataclass(frozen=True)
class Anatomy:
    """One patient as one film finds them."""

    cage: Cage
    heart: Heart
    lungs: Lungs
    skeleton: Skeleton
    wall: Wall

    def width_at(self, y: float) -> float:
        """Mean half-width of the cage's inside at height ``y``, in cm."""
        t = min(max((y - self.cage.apex_y) / (self.cage.wide_y - self.cage.apex_y), 0.0), 1.0)
        return self.cage.half_width * (0.30 + 0.70 * math.sqrt(1 - (1 - t) ** 2.2))


@dataclass(frozen=True)
class Patient:
    """What a patient keeps from film to film.

    Attributes:
        sex: M or F.
        age_years: Age at the first film.
        anatomy: Upright, in full inspiration, straight before the detector.
    """

    sex: Sex
    age_years: int
    anatomy: Anatomy


def draw_patient(rng: np.random.Generator) -> Patient:
    """Draw a healthy adult between 18 and 90 years."""
    sex: Sex = "M" if rng.random() < 0.56 else "F"
    age = int(np.clip(rng.normal(48, 17), 18, 90))
    old = (age - 18) / 72
    size = (1.0 if sex == "M" else 0.9) * rng.uniform(0.92, 1.07)
    build = rng.uniform(0, 1)
    domes = 9.6 * size + rng.uniform(-0.4, 0.4)
    cage = Cage(
        half_width=13.4 * size * rng.uniform(0.95, 1.05),
        half_depth=8.6 * size * rng.uniform(0.93, 1.07) + 0.5 * old,
        apex_y=-12.2 * size,
        wide_y=6.0 * size,
        domes_y=(domes, domes + rng.uniform(0.4, 1.6)),
        dome_rise=rng.uniform(3.2, 4.4) * size,
        turn=0.0,
    )
    heart = Heart(
        ratio=rng.uniform(0.39, 0.465),
        axis=rng.uniform(0.5, 0.8) - 0.2 * build,
        roundness=rng.uniform(0.70, 0.82),
        shift=0.0,
        mediastinum=(2.2 + 0.5 * old + 0.3 * build) * size,
        knob=(1.25 + 0.65 * old) * rng.uniform(0.9, 1.1),
        calcified=max(0.0, 0.12 * (old - 0.5) * rng.uniform(0, 2)),
    )
    lungs = Lungs(
        density=0.26, calibre=rng.uniform(0.9, 1.1), vessels=1.0, interstitium=0.12, seed=int(rng.integers(2**31))
    )
    return Patient(
        sex, age, Anatomy(cage, heart, lungs, _draw_skeleton(rng, size, old), _draw_wall(rng, sex, size, build))
    )


def _draw_skeleton(rng: np.random.Generator, size: float, old: float) -> Skeleton:
    return Skeleton(
        mineral=rng.uniform(0.9, 1.1) * (1 - 0.3 * old),
        rib_pitch=2.32 * size * rng.uniform(0.96, 1.04),
        rib_drop=rng.uniform(8.0, 10.0) * size,
        rib_height=0.62 * size * rng.uniform(0.9, 1.1),
        clavicle_rise=0.0,
        scapula_out=0.0,
        scoliosis=float(rng.normal(0, 0.35)),
    )


def _draw_wall(rng: np.random.Generator, sex: Sex, size: float, build: float) -> Wall:
    woman = sex == "F"
    return Wall(
        fat=(1.4 + 2.6 * build * build) * size,
        depth=(3.6 + 3.6 * build) * size,
        breast=rng.uniform(4.6, 7.0) * size if woman else 0.0,
        breast_depth=(rng.uniform(1.0, 2.6) + 2.0 * build) if woman else 0.0,
        arm=rng.uniform(3.8, 4.8) * (0.9 + 0.3 * build),
        arm_spread=0.0,
        stomach=0.0,
    )


def draw_anatomy(patient: Patient, view: View, rng: np.random.Generator) -> Anatomy:
    """Place a patient before the detector: breath, rotation, arms; AP films are taken lying or sitting.

    On AP films the heart lies farther from the detector and is magnified, the diaphragm stands higher and the scapulae
    lie over the lungs.
    """
    supine = view == "AP"
    base = patient.anatomy
    breath = rng.uniform(0, 1.6) + (rng.uniform(0.3, 1.6) if supine else 0.0)
    right, left = base.cage.domes_y
    cage = replace(
        base.cage,
        domes_y=(right - breath, left - breath),
        turn=float(np.clip(rng.normal(0, 0.025), -0.06, 0.06)),
        half_width=base.cage.half_width * (1 - 0.012 * breath),
    )
    ratio = base.heart.ratio * (1.035 if supine else 1.0)
    heart = replace(base.heart, ratio=ratio, mediastinum=base.heart.mediastinum * (1.12 if supine else 1.0))
    skeleton = replace(
        base.skeleton,
        clavicle_rise=rng.uniform(-0.4, 1.8) + (1.2 if supine else 0.0),
        scapula_out=rng.uniform(-1.0, 0.8) if supine else rng.uniform(0.6, 3.0),
    )
    bubble = 0.0 if rng.random() < (0.7 if supine else 0.25) else rng.uniform(1.2, 2.4)
    wall = replace(base.wall, stomach=bubble, arm_spread=rng.uniform(1, 4) if supine else rng.uniform(3, 8))
    return Anatomy(cage, heart, base.lungs, skeleton, wall)
