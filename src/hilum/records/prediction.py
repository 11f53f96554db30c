"""What hilum answers for one film."""

import math
from typing import ClassVar, Literal

from pydantic import Field

from hilum.records.base import Number, Record
from hilum.records.image import ImageFacts

__all__ = ["PREDICTION_COLUMNS", "PREDICTION_SCHEMA", "Call", "FindingAnswer", "Prediction"]

PREDICTION_SCHEMA = 2

Call = Literal["present", "refer", "absent"]

PREDICTION_COLUMNS = ("score", "probability", "low", "high", "call", "call_share")
"""What the CSV says of every finding, in this order."""

_ABOUT_FILM = ("image_id", "path", "status", "reason")


class FindingAnswer(Record):
    """The answer for one finding.

    Attributes:
        score: Sigmoid of the model's logit, in [0, 1]; not a probability.
        probability: The calibrated score, in [0, 1]: of films like this one, the share with the finding, where it is as
            common as ``prevalence``.
        low: Lower end of the probability's 95 % interval: how well calibration knows what such a score means, not how
            sure the finding is; NaN where unknown.
        high: Upper end.
        threshold: The probability from which on the finding counts as present, at the same prevalence; NaN if none
            could be chosen.
        call: ``present``, ``absent``, or ``refer``: a person should look; None where no threshold could be chosen on
            validation.
        call_share: Of the films that get this call, the share with the finding, where it is as common as
            ``prevalence``; from validation's rates (Bayes). NaN without a call, or where it cannot be said.
        prevalence: Validation's, or what the user said.
    """

    score: Number
    probability: Number
    low: Number = math.nan
    high: Number = math.nan
    threshold: Number
    call: Call | None
    call_share: Number = math.nan
    prevalence: Number = math.nan


class Prediction(Record):
    """The answers for one film, or the reason why there are none.

    Attributes:
        schema_version: ``PREDICTION_SCHEMA``; another one is refused.
        image_id: File name without its folder.
        path: Path as the caller gave it.
        status: ``answered`` or ``refused``.
        reason: The refusal's stable code; empty if answered.
        advice: What was wrong with the file and what to do, in sentences; empty if answered.
        facts: What the file was; None if it could not be read.
        findings: Answers in the bundle's order; empty if refused.
        bundle_digest: Digest of the bundle that answered.
    """

    written_anew_by: ClassVar[str] = "Predict again (`hilum predict`)"

    schema_version: int = PREDICTION_SCHEMA
    image_id: str
    path: str
    status: Literal["answered", "refused"]
    reason: str = ""
    advice: str = ""
    facts: ImageFacts | None = None
    findings: dict[str, FindingAnswer] = Field(default_factory=dict)
    bundle_digest: str

    @staticmethod
    def header(findings: tuple[str, ...]) -> list[str]:
        """Return the names of the stable CSV columns: ``image_id, path, status, reason``, then ``PREDICTION_COLUMNS``.

        Args:
            findings: The findings to write, in order.
        """
        return [*_ABOUT_FILM, *(f"{part}_{name}" for part in PREDICTION_COLUMNS for name in findings)]

    def row(self, findings: tuple[str, ...]) -> dict[str, object]:
        """Return the stable CSV row, column by column of :meth:`header`.

        Args:
            findings: The findings to write, in order; one without an answer gets empty cells.
        """
        film = [getattr(self, column) for column in _ABOUT_FILM]
        said = [getattr(self.findings.get(name), part, None) for part in PREDICTION_COLUMNS for name in findings]
        cells = ["" if value is None or value != value else value for value in said]
        return dict(zip(self.header(findings), [*film, *cells], strict=True))
