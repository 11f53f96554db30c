"""Evaluate a bundle on a split of a manifest, and refuse to do so on patients it was trained on."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from hilum.calibration import calibrate
from hilum.data import Manifest, PixelStore, patient_hash
from hilum.errors import DataError, LeakError
from hilum.evaluation.attribute import manifest_attributes, store_attributes
from hilum.evaluation.caution import TRAINING_UNKNOWN
from hilum.evaluation.composite import add_composites
from hilum.evaluation.fitting import Rules
from hilum.evaluation.honesty import judge_standing, recalibrated_here, split_anew, thresholds_from_test
from hilum.evaluation.label_file import is_nih
from hilum.evaluation.origin import Origin
from hilum.evaluation.prediction_file import write_predictions
from hilum.evaluation.study import evaluate_arrays
from hilum.records import BundleSpec, Evaluation, RedFlag
from hilum.runs import write_text
from hilum.wording import count

__all__ = ["BundleLike", "PredictorLike", "evaluate_bundle"]

OnProgress = Callable[[int, int], None]

_UNREADABLE, _LEFT_OUT = "films that could not be read", "films that the pixel store was made without"


@runtime_checkable
class BundleLike(Protocol):
    """What is needed of a bundle."""

    @property
    def spec(self) -> BundleSpec:
        """Its findings, rules and training patients."""
        ...

    @property
    def digest(self) -> str:
        """What identifies it."""
        ...


@runtime_checkable
class PredictorLike(Protocol):
    """What is needed of ``inference.Predictor``."""

    @property
    def bundle(self) -> BundleLike:
        """The bundle that answers."""
        ...

    def logits_from_store(
        self, store: PixelStore, rows: Int64[np.ndarray, " image"], *, on_progress: OnProgress | None
    ) -> Float64[np.ndarray, "image finding"]:
        """Return the raw outputs for rows of a store."""
        ...


def evaluate_bundle(
    predictor: PredictorLike,
    manifest: Manifest,
    store: PixelStore,
    *,
    split: str = "test",
    allow_overlap: bool = False,
    overlap_path: Path | None = None,
    predictions_path: Path | None = None,
    prevalences: Mapping[str, float] | None = None,
    qualities: bool = False,
    bootstrap: int = 1000,
    seed: int = 0,
    command: str = "",
    on_progress: OnProgress | None = None,
) -> tuple[Evaluation, Float64[np.ndarray, "image finding"], tuple[str, ...]]:
    """Evaluate a bundle with its own calibration and its own thresholds.

    Args:
        predictor: The bundle, ready to answer.
        manifest: Films and labels.
        store: Their pixels.
        split: The films to judge on.
        allow_overlap: Judge on patients of the bundle's training too; the evaluation is marked as leaked.
        overlap_path: Where to list the films of such patients.
        predictions_path: Where to write the films' probabilities, labels and patients' running numbers.
        prevalences: How common findings are where the user is.
        qualities: Divide the films by contrast, sharpness, noise and brightness as well; a millisecond each.
        bootstrap: Resamples of patients for the intervals; 0 for none.
        seed: Of the resamples.
        command: The command line, for the pedigree.
        on_progress: Called with (films done, films in all).

    Returns:
        The evaluation; the probabilities, in the order of the bundle's findings; the image ids of their rows. Films
        that the store lacks are in none of them, and counted.

    Raises:
        DataError: The split has no film, or the store none of them.
        LeakError: Patients of the bundle's training are among the films.
    """
    spec = predictor.bundle.spec
    rows = manifest.rows(split)
    if not len(rows):
        raise DataError(f"{manifest.source} has no film in the split {split}: `hilum data split` makes splits")
    leaked = _check_overlap(spec, manifest, rows, allow_overlap=allow_overlap, overlap_path=overlap_path)
    image_ids = manifest.table["image_id"].to_numpy(dtype=object)[rows]
    in_store = store.rows_of(image_ids)
    there = in_store >= 0
    if not there.any():
        raise DataError(
            f"the pixel store holds none of the {len(rows)} films of the split {split}: prepare this manifest"
        )
    absent = _absent(store, image_ids[~there])
    logits = predictor.logits_from_store(store, in_store[there], on_progress=on_progress)
    films = _films_of(spec, manifest, rows[there], image_ids[there], logits)
    answers_digest = films.write(predictions_path) if predictions_path else ""
    origin = _origin(predictor.bundle, manifest, films, absent, split=split, leaked=leaked, command=command)
    rules = Rules(spec.findings, spec.no_finding)
    evaluation = evaluate_arrays(
        films.probabilities,
        films.targets,
        findings=films.findings,
        groups=films.groups,
        thresholds=rules.thresholds,
        thresholds_from=spec.selected_on,
        refer=rules.zones,
        prevalences=prevalences,
        attributes=manifest_attributes(manifest, rows[there])
        | (store_attributes(store, in_store[there]) if qualities else {}),
        origin=replace(origin, answers_digest=answers_digest),
        bootstrap=bootstrap,
        seed=seed,
    )
    return evaluation, films.probabilities[:, : len(spec.findings)], films.image_ids


@dataclass(frozen=True, eq=False)
class _Films:
    """Films that a bundle answered.

    Attributes:
        image_ids: Films.
        findings: The bundle's, and what could be derived from them for labels of other names.
        probabilities: By the bundle's calibration.
        targets: 1 present, 0 absent, NaN unknown.
        groups: The patient of each film.
        warnings: What was derived, one sentence each.
    """

    image_ids: tuple[str, ...]
    findings: tuple[str, ...]
    probabilities: Float64[np.ndarray, "image finding"]
    targets: Float64[np.ndarray, "image finding"]
    groups: Shaped[np.ndarray, " image"]
    warnings: tuple[str, ...]

    def write(self, path: Path) -> str:
        """Write probabilities, labels and patients' running numbers; return the file's digest."""
        return write_predictions(
            path,
            self.image_ids,
            self.probabilities,
            findings=self.findings,
            targets=self.targets,
            groups=self.groups,
        )


def _films_of(
    spec: BundleSpec,
    manifest: Manifest,
    rows: Int64[np.ndarray, " image"],
    image_ids: Iterable[str],
    logits: Float64[np.ndarray, "image finding"],
) -> _Films:
    probabilities, findings, derived = add_composites(
        calibrate(spec, logits), tuple(spec.findings), labelled=manifest.findings
    )
    return _Films(
        image_ids=tuple(image_ids),
        findings=findings,
        probabilities=probabilities,
        targets=manifest.targets_for(findings, rows).astype(np.float64),
        groups=manifest.table["patient_id"].to_numpy(dtype=str)[rows],
        warnings=derived,
    )


def _origin(
    bundle: BundleLike,
    manifest: Manifest,
    films: _Films,
    absent: Mapping[str, int],
    *,
    split: str,
    leaked: bool,
    command: str,
) -> Origin:
    nih = is_nih(manifest)
    standing = judge_standing(films.image_ids, films.targets, findings=films.findings, nih=nih, leaked=leaked)
    return Origin(
        title=f"{manifest.source}, {split}",
        command=command,
        data_digest=manifest.digest,
        split=split,
        split_digest=manifest.split_digest,
        bundle_digest=bundle.digest,
        phantom=manifest.phantom,
        leaked=leaked,
        nih=nih,
        counts={"films evaluated": len(films.image_ids), **absent},
        warnings=(*_warnings(bundle.spec, manifest, absent), *films.warnings),
        red_flags=(*_red_flags(bundle.spec, manifest, split), *standing.red_flags),
        comparable=standing.comparable,
        comparable_note=standing.note,
    )


def _red_flags(spec: BundleSpec, manifest: Manifest, split: str) -> Iterable[RedFlag]:
    if split == spec.selected_on:
        yield thresholds_from_test(split)
    if spec.manifest_digest == manifest.digest and spec.split_digest != manifest.split_digest:
        yield split_anew(spec.selected_on)
    if spec.recalibration and spec.recalibration.data_digest == manifest.digest:
        yield recalibrated_here()


def _check_overlap(
    spec: BundleSpec,
    manifest: Manifest,
    rows: Int64[np.ndarray, " image"],
    *,
    allow_overlap: bool,
    overlap_path: Path | None,
) -> bool:
    """Say whether training patients are among the films; refuse them unless they are allowed."""
    films = manifest.table[["image_id", "patient_id"]].iloc[rows]
    trained = set(spec.training_patients)
    hashes = {patient: patient_hash(patient) for patient in films["patient_id"].unique()}
    shared = {patient for patient, hashed in hashes.items() if hashed in trained}
    if not shared:
        return False
    if overlap_path is not None:
        overlapping = films[films["patient_id"].isin(shared)]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([("image_id",), *((name,) for name in overlapping["image_id"])])
        write_text(overlap_path, text.getvalue())
    if allow_overlap:
        return True
    listed = f" (their films are listed in {overlap_path.name})" if overlap_path else ""
    raise LeakError(
        f"{len(shared)} of {len(hashes)} patients were in this bundle's training set{listed}. A score on them says "
        "nothing. Split anew (`hilum data split`), or --allow-overlap to get a report marked as leaked."
    )


def _absent(store: PixelStore, image_ids: Iterable[str]) -> dict[str, int]:
    """Count the films that the store has no pixels of, by why; those it was made without only where there are any."""
    names = list(image_ids)
    n_unreadable = sum(name in store.unreadable for name in names)
    left_out = {_LEFT_OUT: len(names) - n_unreadable} if len(names) > n_unreadable else {}
    return {_UNREADABLE: n_unreadable, **left_out}


def _warnings(spec: BundleSpec, manifest: Manifest, absent: Mapping[str, int]) -> Iterable[str]:
    if not spec.training_patients:
        yield TRAINING_UNKNOWN
    if absent[_UNREADABLE]:
        yield (
            f"In no figure: {count(absent[_UNREADABLE], 'film')} of the split that could not be read; problems.csv "
            "says why."
        )
    if _LEFT_OUT in absent:
        yield (
            f"In no figure: {count(absent[_LEFT_OUT], 'film')} of the split that the pixel store was made without "
            "(`hilum data prepare --exclude`, or of another manifest)."
        )
    if spec.phantom and not manifest.phantom:
        yield "The model was trained on phantoms, which are made-up films: it knows nothing about people."
