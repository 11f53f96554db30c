"""Whether heat maps point at the places that were marked, beside maps that know nothing."""

from typing import ClassVar

from hilum.records.base import Estimate, Number, Record
from hilum.records.evaluation import Pedigree, RedFlag

__all__ = ["LOCALISATION_SCHEMA", "FindingLocalisation", "Localisation", "MapScores", "MaskLocalisation", "MaskScores"]

LOCALISATION_SCHEMA = 1


class MapScores(Record):
    """How one kind of map fares; intervals by patient bootstrap, NaN with a reason where undefined.

    Attributes:
        pointing: Share of the maps whose hottest pixel lies in a marked box.
        best_iou: Mean, over the marked boxes, of the largest IoU with a box found in the map.
        iou: Share of the marked boxes that a found box overlaps with an IoU of at least each of ``overlaps``.
        iobb: The same for IoBB, which divides by the found box and so favours tiny ones.
        average_precision: Of the found boxes, on films with a marked box alone, for each of ``overlaps`` as IoU.
        boxes_per_map: Boxes found per map.
        heat_thresholds: Per fold, the threshold of heat that was chosen on the other folds.
    """

    pointing: Estimate
    best_iou: Estimate
    iou: tuple[Estimate, ...]
    iobb: tuple[Estimate, ...]
    average_precision: tuple[Estimate, ...]
    boxes_per_map: Number
    heat_thresholds: tuple[Number, ...] = ()


class MaskScores(Record):
    """How one kind of map fares against masks, pixel by pixel.

    Attributes:
        pointing: Share of the maps whose hottest pixel lies in the mask.
        iou: Mean IoU of the mask with all that is hot; from which heat on was chosen on the other folds.
    """

    pointing: Estimate
    iou: Estimate


class MaskLocalisation(Record):
    """One finding, or all of them together, where masks are known and not boxes alone.

    Attributes:
        n_masks: Films with a mask; with all findings together, pairs of film and finding.
        maps: As in ``FindingLocalisation``; the usual place is where the masks of other patients lie.
        pointing_gain: Model minus each control, on the same films.
        iou_gain: The same for the mean IoU.
    """

    n_masks: int
    maps: dict[str, MaskScores]
    pointing_gain: dict[str, Estimate]
    iou_gain: dict[str, Estimate]


class FindingLocalisation(Record):
    """One finding, or all of them together.

    Attributes:
        n_boxes: Marked boxes.
        n_images: Films they lie on; with all findings together, pairs of film and finding.
        n_patients: Patients of these films.
        maps: Scores of the ``model`` and of the controls: ``random`` (noise as coarse as a map), ``centre`` (always the
            middle of the film), ``usual_place`` (where the boxes of other patients lie for this finding).
        pointing_gain: Model minus each control, on the same films.
        iou_gain: The same for the mean of the best IoU.
        masks: The same against masks; None where there are boxes alone.
    """

    n_boxes: int
    n_images: int
    n_patients: int
    maps: dict[str, MapScores]
    pointing_gain: dict[str, Estimate]
    iou_gain: dict[str, Estimate]
    masks: MaskLocalisation | None = None


class Localisation(Record):
    """One study of heat maps. Written as ``localisation.json``.

    Attributes:
        schema_version: ``LOCALISATION_SCHEMA``; another one is refused.
        title: What was judged, in a few words.
        method: How the maps were made, such as ``grad_cam``.
        overlaps: The overlaps that shares and average precision are given at.
        tolerance: How far from a box the hottest pixel may lie, as a share of the film's longer side.
        n_folds: Folds of patients for the thresholds of heat.
        findings: Per finding with a box, in the model's order.
        overall: All pairs of film and finding together; its average precision is the mean over the findings.
        counts: What was left out, and why, in words.
        red_flags: Why the numbers may not be believed.
        warnings: What they cannot say, one sentence each.
        pedigree: Where they come from.
    """

    written_anew_by: ClassVar[str] = "Judge the heat maps again (`hilum localise`)"

    schema_version: int = LOCALISATION_SCHEMA
    title: str
    method: str
    overlaps: tuple[float, ...]
    tolerance: float
    n_folds: int
    findings: dict[str, FindingLocalisation]
    overall: FindingLocalisation
    counts: dict[str, int]
    red_flags: tuple[RedFlag, ...]
    warnings: tuple[str, ...]
    pedigree: Pedigree
