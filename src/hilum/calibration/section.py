"""The ``calibration`` section of a recipe."""

from hilum.calibration.calibrator import get_calibrator
from hilum.calibration.threshold import get_threshold_rule
from hilum.config import Section, setting

__all__ = ["CalibrationSection"]


class CalibrationSection(Section):
    """How validation turns logits into probabilities and calls.

    Attributes:
        method: A name of ``CALIBRATORS``.
        shrinkage: How strongly a finding that few films have is held near the uncalibrated score (``isotonic``: near
            Platt's map), in films; 0 believes the films alone.
        threshold: A name of ``THRESHOLD_RULES``.
        beta: Of ``f_beta``: finding is worth so many times as much as not calling too much.
        sensitivity: Of ``sensitivity``: the share of the films with the finding that must be found.
        cost_ratio: Of ``cost``: a missed film costs as much as so many false alarms.
        allowed_missed: Of the films of a new patient with the finding, the share that may be called absent.
        allowed_false_alarms: Of the films of a new patient without it, the share that may be called present.
    """

    method: str = "platt"
    shrinkage: float = setting(default=1.0, ge=0)
    threshold: str = "youden"
    beta: float = setting(default=1.0, gt=0)
    sensitivity: float = setting(default=0.9, gt=0, le=1)
    cost_ratio: float = setting(default=10.0, gt=0)
    allowed_missed: float = setting(default=0.1, gt=0, lt=1)
    allowed_false_alarms: float = setting(default=0.1, gt=0, lt=1)

    def model_post_init(self, _context: object, /) -> None:
        """Refuse unknown names before anything is trained."""
        get_calibrator(self.method)
        get_threshold_rule(self.threshold)
