"""A bundle at work: logit → score → probability → call, for files, arrays and stores."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64, UInt8

from hilum.data import PixelStore
from hilum.errors import DataError, ImageRefusedError
from hilum.imaging import read_image, resize_square
from hilum.inference.calibration import calibrate
from hilum.models import Bundle
from hilum.records import Call, FindingAnswer, FindingRule, Image, Prediction

__all__ = ["Predictor"]

OnProgress = Callable[[int, int], None]

_BATCH = 16


class Predictor:
    """Answers for films with one bundle.

    Attributes:
        bundle: The bundle.
        findings: What it answers for, in order.
    """

    def __init__(self, bundle: Bundle, *, device: str = "cpu") -> None:
        """Put the bundle's model on a device.

        Args:
            bundle: Loaded, hence verified.
            device: torch's name of a device, such as ``cpu`` or ``cuda``.
        """
        self.bundle = bundle
        self.findings = bundle.findings
        self._device = torch.device(device)
        bundle.model.to(self._device)

    def __repr__(self) -> str:
        return f"Predictor({self.bundle!r}, {self._device})"

    def predict_files(
        self, paths: Sequence[Path], *, batch_size: int = _BATCH, on_progress: OnProgress | None = None
    ) -> Iterator[Prediction]:
        """Answer for files, in their order; a file that cannot be answered gives a prediction that says why.

        Args:
            paths: Files; not opened before their turn.
            batch_size: Films that go through the network together; no answer depends on it.
            on_progress: Told of files done and files in all.

        Yields:
            Exactly one prediction per path.
        """
        for start in range(0, len(paths), batch_size):
            yield from self._predict_batch(paths[start : start + batch_size])
            if on_progress:
                on_progress(min(start + batch_size, len(paths)), len(paths))

    def predict_image(self, image: Image, *, path: Path = Path("image")) -> Prediction:
        """Answer for a film that has been read already; ``path`` names it in the answer."""
        (logits,) = self._logits(self._square(image)[None])
        return self._answered(path, image, logits)

    def logits_from_store(
        self,
        store: PixelStore,
        rows: Int64[np.ndarray, " image"],
        *,
        batch_size: int = 64,
        on_progress: OnProgress | None = None,
    ) -> Float64[np.ndarray, "image finding"]:
        """Return logits for ``rows`` of a store.

        Raises:
            DataError: The store has another size or resize rule than the bundle was trained with.
        """
        rules = self.bundle.spec.input
        if (store.size_px, store.rule) != (rules.size_px, rules.resize):
            raise DataError(
                f"the pixel store has films of {store.size_px} px ({store.rule}), the bundle wants {rules.size_px} px "
                f"({rules.resize}): `hilum data prepare --size {rules.size_px} --rule {rules.resize}`"
            )
        logits = np.empty((len(rows), len(self.findings)))
        for start in range(0, len(rows), batch_size):
            part = slice(start, start + batch_size)
            logits[part] = self._logits(store.read(rows[part]))
            if on_progress:
                on_progress(min(start + batch_size, len(rows)), len(rows))
        return logits

    def _predict_batch(self, paths: Sequence[Path]) -> list[Prediction]:
        outcomes = [_read(path) for path in paths]
        images = [outcome for outcome in outcomes if isinstance(outcome, Image)]
        logits = iter(self._logits(np.stack([self._square(image) for image in images]))) if images else iter(())
        return [
            self._answered(path, outcome, next(logits)) if isinstance(outcome, Image) else self._refused(path, outcome)
            for path, outcome in zip(paths, outcomes, strict=True)
        ]

    def _square(self, image: Image) -> UInt8[np.ndarray, "size size"]:
        rules = self.bundle.spec.input
        return resize_square(image.pixels, rules.size_px, rule=rules.resize)

    def _logits(self, pixels: UInt8[np.ndarray, "image size size"]) -> Float64[np.ndarray, "image finding"]:
        with torch.inference_mode():
            logits = self.bundle.model(self.bundle.to_input(pixels).to(self._device))
        return np.asarray(logits.float().cpu().numpy(), dtype=np.float64)

    def _answered(self, path: Path, image: Image, logits: Float64[np.ndarray, " finding"]) -> Prediction:
        probabilities = calibrate(self.bundle.spec, logits[None])[0]
        answers = {
            name: _answer(float(logit), float(probability), rule)
            for (name, rule), logit, probability in zip(
                self.bundle.spec.findings.items(), logits, probabilities, strict=True
            )
        }
        return Prediction(
            image_id=path.name,
            path=str(path),
            status="answered",
            facts=image.facts,
            findings=answers,
            bundle_digest=self.bundle.digest,
        )

    def _refused(self, path: Path, refusal: ImageRefusedError) -> Prediction:
        return Prediction(
            image_id=path.name,
            path=str(path),
            status="refused",
            reason=refusal.code,
            advice=str(refusal),
            bundle_digest=self.bundle.digest,
        )


def _read(path: Path) -> Image | ImageRefusedError:
    try:
        return read_image(path)
    except ImageRefusedError as refusal:
        return refusal


def _answer(logit: float, probability: float, rule: FindingRule) -> FindingAnswer:
    score = 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0
    call: Call | None = None
    if not math.isnan(rule.threshold):
        call = "present" if probability >= rule.threshold else "absent"
    return FindingAnswer(score=score, probability=probability, threshold=rule.threshold, call=call)
