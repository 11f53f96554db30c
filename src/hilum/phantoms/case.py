"""Cases: which patient, which film of his, which signs, which exposure. Nothing is rendered here.

Films come in groups of twelve, shared by four patients; a patient's films follow each other. Any film can be drawn
without those before it, which is why the bytes do not depend on the number of workers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from hilum.errors import InvalidValueError
from hilum.findings import NIH_FINDINGS
from hilum.phantoms.airspace import Atelectasis, Consolidation, Edema, Infiltration, Pneumonia
from hilum.phantoms.anatomy import Anatomy, Patient, Sex, View, draw_anatomy, draw_patient
from hilum.phantoms.beam import Beam, Display, draw_beam
from hilum.phantoms.focal import Mass, Nodule
from hilum.phantoms.pleura import Effusion, PleuralThickening, Pneumothorax
from hilum.phantoms.prevalence import mixture_of
from hilum.phantoms.sign import Sign
from hilum.phantoms.whole import Cardiomegaly, Emphysema, Fibrosis, Hernia

__all__ = ["SIGNS", "Case", "Pose", "draw_case"]

SIGNS: dict[str, type[Sign]] = {
    "Atelectasis": Atelectasis,
    "Cardiomegaly": Cardiomegaly,
    "Effusion": Effusion,
    "Infiltration": Infiltration,
    "Mass": Mass,
    "Nodule": Nodule,
    "Pneumonia": Pneumonia,
    "Pneumothorax": Pneumothorax,
    "Consolidation": Consolidation,
    "Edema": Edema,
    "Emphysema": Emphysema,
    "Fibrosis": Fibrosis,
    "Pleural_Thickening": PleuralThickening,
    "Hernia": Hernia,
}

GROUP_FILMS, GROUP_PATIENTS = 12, 4
SAME_FINDINGS = 0.6
"""Chance that a film shows the findings the patient came with; else they are drawn anew."""

_PATIENT, _FILM, _SIGN, _GROUP = range(4)


@dataclass(frozen=True)
class Pose:
    """Where the patient stands before the detector.

    Attributes:
        field_cm: Side of the detector in cm.
        centre_x_cm: Offset of the detector's centre to the patient's left.
        centre_y_cm: The same towards the feet.
        tilt: Rotation in the image plane, in radians.
    """

    field_cm: float
    centre_x_cm: float
    centre_y_cm: float
    tilt: float


@dataclass(frozen=True)
class Case:
    """Everything that makes up one film; rendering adds nothing but the size.

    Attributes:
        seed: Seed of the set.
        index: Number of the film in the set, from 0.
        patient_number: From 1, as NIH counts.
        follow_up: Number of this film among the patient's, from 0.
        age_years: At this film.
        view: PA or AP.
        patient: What he keeps from film to film.
        anatomy: As this film finds him, signs not yet in.
        pose: Before the detector.
        beam: The exposure.
        display: The picture station's settings.
        signs: Signs by finding, in NIH's order.
    """

    seed: int
    index: int
    patient_number: int
    follow_up: int
    age_years: int
    view: View
    patient: Patient
    anatomy: Anatomy
    pose: Pose
    beam: Beam
    display: Display
    signs: Mapping[str, Sign]

    @property
    def sex(self) -> Sex:
        """M or F."""
        return self.patient.sex

    @property
    def findings(self) -> tuple[str, ...]:
        """Findings on this film, in NIH's order."""
        return tuple(self.signs)

    def without(self, *findings: str) -> "Case":
        """The same film without some of its findings."""
        return replace(self, signs={name: sign for name, sign in self.signs.items() if name not in findings})


def draw_case(seed: int, index: int, *, prevalence: Mapping[str, float] | str = "balanced") -> Case:
    """Draw film ``index`` of the set ``seed``.

    Args:
        seed: At least 0; the same seed gives the same set.
        index: Number of the film, from 0.
        prevalence: ``balanced`` (every finding on 15.5 % of films, 20 % without any), ``nih`` (as in ChestX-ray14), or
            shares by finding, see ``mixture_of``.

    Raises:
        InvalidValueError: ``seed`` or ``index`` is negative, or no mixture has this prevalence.
        UnknownNameError: A prevalence or finding that is in no table.

    Example:
        >>> case = draw_case(0, 7, prevalence={"Mass": 1.0})
        >>> case.findings, case.without("Mass").findings
        (('Mass',), ())
    """
    if seed < 0 or index < 0:
        raise InvalidValueError(f"seed and index must be at least 0, got {seed} and {index}")
    mixture = mixture_of(prevalence)
    number, follow_up = _patient_of(seed, index)
    rng = np.random.default_rng((seed, _PATIENT, number))
    patient = draw_patient(rng)
    portable = rng.random() < 0.4
    lasting = mixture.draw(rng)
    rng = np.random.default_rng((seed, _FILM, index))
    view: View = "AP" if rng.random() < (0.75 if portable else 0.12) else "PA"
    findings = lasting if rng.random() < SAME_FINDINGS else mixture.draw(rng)
    anatomy = draw_anatomy(patient, view, rng)
    beam, display = draw_beam(rng, view)
    return Case(
        seed=seed,
        index=index,
        patient_number=number,
        follow_up=follow_up,
        age_years=min(patient.age_years + follow_up // 2, 95),
        view=view,
        patient=patient,
        anatomy=anatomy,
        pose=_draw_pose(anatomy, rng),
        beam=beam,
        display=display,
        signs={name: _draw_sign(name, seed, number) for name in findings},
    )


def _draw_sign(name: str, seed: int, number: int) -> Sign:
    return SIGNS[name].draw(np.random.default_rng((seed, _SIGN, number, NIH_FINDINGS.index(name))))


def _patient_of(seed: int, index: int) -> tuple[int, int]:
    """Patient number and follow-up of a film: a group's films are cut at random into one run per patient."""
    group, place = divmod(index, GROUP_FILMS)
    rng = np.random.default_rng((seed, _GROUP, group))
    cuts = np.sort(rng.choice(np.arange(1, GROUP_FILMS), GROUP_PATIENTS - 1, replace=False))
    within = int(np.searchsorted(cuts, place, side="right"))
    first = int(cuts[within - 1]) if within else 0
    return group * GROUP_PATIENTS + within + 1, place - first


def _draw_pose(anatomy: Anatomy, rng: np.random.Generator) -> Pose:
    cage, wall = anatomy.cage, anatomy.wall
    field = (2.5 * cage.half_width + 1.2 * wall.fat) * rng.uniform(0.96, 1.08)
    middle = (cage.apex_y + min(cage.domes_y)) / 2 + 2.2
    return Pose(field, float(rng.normal(0, 0.5)), middle + rng.uniform(-1, 1), float(rng.normal(0, 0.018)))
