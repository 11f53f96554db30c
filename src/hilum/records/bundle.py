"""What ``bundle.json`` says: everything beside the weights that an answer depends on."""

from typing import Literal

from pydantic import Field

from hilum.records.base import Interval, Number, Record
from hilum.records.calibration import CalibrationMap, PlattMap, Recalibration, ReferZone

__all__ = ["BUNDLE_SCHEMA", "BundleSpec", "FindingRule", "InputRules"]

BUNDLE_SCHEMA = 2


class InputRules(Record):
    """How a canonical image becomes the network's input.

    Attributes:
        size_px: Side of the square input.
        resize: ``pad``: keep the aspect ratio, pad with black; ``stretch``: each side on its own.
        channels: 1, or 3 equal ones for a network with a colour stem.
        mean: Mean per channel, of pixels in [0, 1].
        std: Standard deviation per channel.
        polarity: Always ``dense_bright``: dense tissue is bright.
    """

    size_px: int
    resize: Literal["pad", "stretch"] = "pad"
    channels: Literal[1, 3] = 1
    mean: tuple[float, ...]
    std: tuple[float, ...]
    polarity: Literal["dense_bright"] = "dense_bright"


class FindingRule(Record):
    """From logit to call for one finding, fitted on the validation split only.

    Attributes:
        calibration: From logit to probability; Platt's map that changes nothing where none could be fitted.
        threshold: Probability from which on the finding counts as present; NaN if it could not be chosen.
        threshold_rule: How the threshold was chosen, such as ``youden``; empty where nobody said.
        sensitivity: On validation at this threshold, with its 95 % interval over patients.
        specificity: On validation at this threshold, with its 95 % interval over patients.
        refer: Between which probabilities a person should look; None where no zone could be promised.
        n_positive: Validation films with the finding.
        n_negative: Validation films without it.
        n_patients: Patients of both; 0 where they are unknown.
        reason: Why ``threshold`` is NaN, calibration was not fitted or there is no refer zone; empty otherwise.
    """

    calibration: CalibrationMap = Field(default_factory=PlattMap)
    threshold: Number
    threshold_rule: str = ""
    sensitivity: Interval
    specificity: Interval
    refer: ReferZone | None = None
    n_positive: int
    n_negative: int
    n_patients: int = 0
    reason: str = ""

    @property
    def prevalence(self) -> float:
        """Share of the validation films with the finding; NaN where there are none."""
        known = self.n_positive + self.n_negative
        return self.n_positive / known if known else float("nan")


class BundleSpec(Record):
    """The content of ``bundle.json``.

    Attributes:
        schema_version: ``BUNDLE_SCHEMA``; another one is refused.
        findings: The rule per finding, in the order of the network's outputs.
        no_finding: Threshold of the derived ``No Finding``, on the product of (1 - probability) over all findings; its
            calibration is not used. None where it is not derived, or in a bundle of an earlier hilum.
        input: Input rules.
        model: The resolved ``model`` section of the recipe, as plain values.
        recipe: The whole resolved recipe, as plain values.
        manifest_digest: Digest of the manifest trained on.
        split_digest: Digest of its split.
        selected_on: The split on which checkpoint, calibration and thresholds were chosen.
        training_patients: Sorted hashes (``data.patient_hash``) of the patients trained on, those of the bundle that it
            started from included.
        licence: Licence of the start weights and of this model.
        versions: Package versions and the commit that trained it.
        files: sha256 of every other file of the bundle, by name.
        phantom: Whether it was trained on phantoms: it then knows nothing about people.
        recalibration: Set where calibration and thresholds were fitted anew on other films than validation's.
    """

    schema_version: int = BUNDLE_SCHEMA
    findings: dict[str, FindingRule]
    no_finding: FindingRule | None = None
    input: InputRules
    model: dict[str, object]
    recipe: dict[str, object]
    manifest_digest: str
    split_digest: str
    selected_on: str = "validation"
    training_patients: tuple[str, ...]
    licence: str
    versions: dict[str, str]
    files: dict[str, str] = Field(default_factory=dict)
    phantom: bool = False
    recalibration: Recalibration | None = None
