"""From logits to probabilities and calls: what a bundle stores of it."""

from typing import Annotated, Literal

from pydantic import Field

from hilum.records.base import Number, Record

__all__ = ["BetaMap", "CalibrationMap", "IsotonicMap", "PlattMap", "Recalibration", "ReferZone", "TemperatureMap"]

Covariance = tuple[tuple[float, ...], ...]
"""Of fitted numbers, rows and columns in their order, films of a patient together; empty where unknown."""


class PlattMap(Record):
    """Probability = sigmoid(``slope`` * logit + ``intercept``) (Platt 1999); changes nothing by default.

    Attributes:
        method: ``platt``.
        slope: Above 0.
        intercept: Any number.
        covariance: Of slope and intercept.
    """

    method: Literal["platt"] = "platt"
    slope: float = 1.0
    intercept: float = 0.0
    covariance: Covariance = ()


class TemperatureMap(Record):
    """Probability = sigmoid(logit / ``temperature``) (Guo 2017); logit 0 stays 50 %.

    Attributes:
        method: ``temperature``.
        temperature: Above 0; above 1 where scores were too extreme.
        covariance: Of 1 / temperature.
    """

    method: Literal["temperature"] = "temperature"
    temperature: float = 1.0
    covariance: Covariance = ()


class BetaMap(Record):
    """Logit of the probability = ``a`` * ln(score) - ``b`` * ln(1 - score) + ``c`` (Kull 2017).

    Attributes:
        method: ``beta``.
        a: Above 0; acts where scores are low.
        b: Above 0; acts where scores are high.
        c: Any number.
        covariance: Of a, b and c.
    """

    method: Literal["beta"] = "beta"
    a: float = 1.0
    b: float = 1.0
    c: float = 0.0
    covariance: Covariance = ()


class IsotonicMap(Record):
    """A probability that never falls with the logit (Zadrozny 2002), straight between its knots, level outside.

    Attributes:
        method: ``isotonic``.
        logit: Knots, rising.
        probability: At each knot.
        low: Lower end of the probability's 95 % interval at each knot (binomial, a patient counts once).
        high: Upper end.
    """

    method: Literal["isotonic"] = "isotonic"
    logit: tuple[float, ...] = Field(min_length=1)
    probability: tuple[float, ...] = Field(min_length=1)
    low: tuple[Number, ...]
    high: tuple[Number, ...]


CalibrationMap = Annotated[PlattMap | TemperatureMap | BetaMap | IsotonicMap, Field(discriminator="method")]
"""One of the four; ``method`` says which."""


class ReferZone(Record):
    """Below ``low`` a finding is called absent, from ``high`` on present, and between a person should look.

    The promise is one about films of new patients, on average: of those with the finding, the share called absent is
    expected to be at most ``allowed_missed``; of those without, the share called present ``allowed_false_alarms``.

    Attributes:
        low: At most the threshold.
        high: At least the threshold.
        allowed_missed: Promised at most.
        allowed_false_alarms: Promised at most.
        n_patients_with: Patients with the finding behind the zone.
        n_patients_without: Patients with a film without it.
        missed: Share of validation's films with the finding that are called absent.
        cleared: Share of the films without it that are called absent.
        found: Share of the films with the finding that are called present.
        false_alarms: Share of the films without it that are called present.
        n_images_with: Films with the finding behind the zone; 0 in a bundle of before they were counted.
    """

    low: float
    high: float
    allowed_missed: float
    allowed_false_alarms: float
    n_patients_with: int
    n_patients_without: int
    missed: Number
    cleared: Number
    found: Number
    false_alarms: Number
    n_images_with: int = 0


class Recalibration(Record):
    """On what a bundle was calibrated anew.

    Attributes:
        n_images: Films it was fitted on.
        n_patients: Their patients.
        data_digest: Digest of these films' labels.
        parent_digest: Digest of the bundle that it was before.
        ece_before: Mean expected calibration error over findings before, on these films.
        ece_after: The same after, cross-fitted by patient.
        note: How far it can be trusted.
    """

    n_images: int
    n_patients: int
    data_digest: str
    parent_digest: str
    ece_before: Number
    ece_after: Number
    note: str = ""
