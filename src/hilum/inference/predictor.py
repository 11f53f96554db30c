"""A bundle at work: logit → score → probability → call, for files, arrays and stores."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64, UInt8

from hilum.calibration import apply_map, calibrate, call, call_share, probability_interval, shift_prevalence
from hilum.data import PixelStore
from hilum.errors import BundleError, DataError, ImageRefusedError, InvalidValueError, UnknownNameError
from hilum.imaging import FilmReader, SquareFilm, resize_square
from hilum.models import Bundle
from hilum.records import FindingAnswer, FindingRule, Image, ImageFacts, PlattMap, Prediction

__all__ = ["Predictor"]

OnProgress = Callable[[int, int], None]

_BATCH = 16


class Predictor:
    """Answers for films with one bundle.

    Attributes:
        bundle: The bundle.
        findings: What it answers for, in order.
    """

    def __init__(self, bundle: Bundle, *, device: str = "cpu", prevalences: Mapping[str, float] | None = None) -> None:
        """Put the bundle's model on a device.

        Args:
            bundle: Loaded, hence verified.
            device: torch's name of a device, such as ``cpu`` or ``cuda``.
            prevalences: How common findings are where the films come from, for what a probability and a call mean
                (Saerens 2002); validation's prevalence for those not named.

        Raises:
            UnknownNameError: A prevalence of something that the bundle does not answer for.
            InvalidValueError: A prevalence is not between 0 and 1.
        """
        self._prevalences = _checked(prevalences or {}, bundle.findings)
        self.bundle = bundle
        self.findings = bundle.findings
        self._device = torch.device(device)
        bundle.model.to(self._device)

    def __repr__(self) -> str:
        return f"Predictor({self.bundle!r}, {self._device})"

    def predict_files(
        self,
        paths: Sequence[Path],
        *,
        reader: FilmReader | None = None,
        batch_size: int = _BATCH,
        on_progress: OnProgress | None = None,
    ) -> Iterator[Prediction]:
        """Answer for files, in their order; a file that cannot be answered gives a prediction that says why.

        Args:
            paths: Files; opened in processes of their own, a few ahead of their turn.
            reader: What opens them; one of its own, with two processes, if None.
            batch_size: Films that go through the network together; no answer depends on it.
            on_progress: Told of files done and files in all.

        Yields:
            Exactly one prediction per path.

        Raises:
            InvalidValueError: ``batch_size`` is below 1.
            MissingExtraError: A DICOM file, and pydicom is not installed.
            BundleError: The model gives outputs that are not finite.
        """
        _check_batch_size(batch_size)
        rules = self.bundle.spec.input
        with nullcontext(reader) if reader else FilmReader() as opened:
            films = opened.films(paths, rules.size_px, rule=rules.resize)
            for start in range(0, len(paths), batch_size):
                part = paths[start : start + batch_size]
                yield from self._predict_batch(part, list(islice(films, len(part))))
                if on_progress:
                    on_progress(start + len(part), len(paths))

    def predict_image(self, image: Image, *, path: Path = Path("image")) -> Prediction:
        """Answer for a film that has been read already; ``path`` names it in the answer.

        Raises:
            BundleError: The model gives outputs that are not finite.
        """
        rules = self.bundle.spec.input
        (logits,) = self._logits(resize_square(image.pixels, rules.size_px, rule=rules.resize)[None])
        return self._answered(path, image.facts, logits)

    def logits_from_store(
        self,
        store: PixelStore,
        rows: Int64[np.ndarray, " image"],
        *,
        batch_size: int = 64,
        on_progress: OnProgress | None = None,
    ) -> Float64[np.ndarray, "image finding"]:
        """Return logits for ``rows`` of a store, in their order; an array without rows if there are none.

        Raises:
            DataError: The store has another size or resize rule than the bundle was trained with.
            InvalidValueError: A row without a film, or ``batch_size`` is below 1.
            BundleError: The model gives outputs that are not finite.
        """
        _check_batch_size(batch_size)
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

    def _predict_batch(
        self, paths: Sequence[Path], films: Sequence[SquareFilm | ImageRefusedError]
    ) -> Iterator[Prediction]:
        squares = [film.pixels for film in films if isinstance(film, SquareFilm)]
        logits = iter(self._logits(np.stack(squares))) if squares else iter(())
        for path, film in zip(paths, films, strict=True):
            if isinstance(film, SquareFilm):
                yield self._answered(path, film.facts, next(logits))
            else:
                yield self._refused(path, film)

    def _logits(self, pixels: UInt8[np.ndarray, "image size size"]) -> Float64[np.ndarray, "image finding"]:
        with torch.inference_mode():
            outputs = self.bundle.model(self.bundle.to_input(pixels).to(self._device))
        logits = np.asarray(outputs.float().cpu().numpy(), dtype=np.float64)
        if not np.isfinite(logits).all():
            raise BundleError(
                f"{self.bundle.folder} gives outputs that are not finite on {self._device}; nothing follows from them: "
                "answer on another device, or train again"
            )
        return logits

    def _answered(self, path: Path, facts: ImageFacts, logits: Float64[np.ndarray, " finding"]) -> Prediction:
        scores = apply_map(PlattMap(), logits)
        probabilities = calibrate(self.bundle.spec, logits[None])[0]
        rules = self.bundle.spec.findings
        answers = {
            name: _answer(
                logits[place : place + 1],
                float(scores[place]),
                float(probabilities[place]),
                rule,
                self._prevalences.get(name),
            )
            for place, (name, rule) in enumerate(rules.items())
        }
        return Prediction(
            image_id=path.name,
            path=str(path),
            status="answered",
            facts=facts,
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


def _answer(
    logit: Float64[np.ndarray, " 1"], score: float, probability: float, rule: FindingRule, given: float | None
) -> FindingAnswer:
    """Return the answer; where a prevalence is given, probability and threshold move with it, so the call stays."""
    low, high = probability_interval(rule.calibration, logit)
    made, prevalence = call(probability, rule), rule.prevalence if given is None else given
    lower, upper, threshold = float(low[0]), float(high[0]), rule.threshold
    if given is not None and 0 < rule.prevalence < 1:
        numbers = np.array([probability, lower, upper, threshold])
        probability, lower, upper, threshold = shift_prevalence(numbers, from_=rule.prevalence, to=given).tolist()
    return FindingAnswer(
        score=score,
        probability=probability,
        low=lower,
        high=upper,
        threshold=threshold,
        call=made,
        call_share=call_share(made, rule, prevalence=prevalence),
        prevalence=prevalence,
    )


def _checked(prevalences: Mapping[str, float], findings: Sequence[str]) -> dict[str, float]:
    for name, share in prevalences.items():
        if name not in findings:
            raise UnknownNameError("finding of this bundle", name, findings)
        if not 0 < share < 1:
            raise InvalidValueError(f"the prevalence of {name} must lie between 0 and 1, got {share:g}")
    return dict(prevalences)


def _check_batch_size(batch_size: int) -> None:
    if batch_size < 1:
        raise InvalidValueError(f"batch_size must be at least 1, got {batch_size}")
