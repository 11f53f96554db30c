"""The shortcut audit: how well things that are no disease predict the labels.

A probe is a logistic regression, cross-validated by patient; what it reaches is what a network can reach without
looking at the lungs. Source of the idea: Zech et al., "Variable generalization performance of a deep learning model to
detect pneumonia in chest radiographs", PLOS Medicine 2018; DeGrave et al., Nature Machine Intelligence 2021.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Float32, Int

from hilum.data.doctor.examination import Examination
from hilum.metrics import auroc, bootstrap_ranks, mean_over_findings, percentile_interval
from hilum.records import MEASURABLE_POSITIVES, DoctorCheck, MacroMetric, Severity, ShortcutProbe
from hilum.wording import count

__all__ = ["PROBES", "Probe", "audit_shortcuts", "shortcut_checks"]

_N_FOLDS = 5
_N_REPLICATES = 100
_MOST_FILMS = 12_000
"""Probes of pixels take so many films at most, all films of a patient together."""
_MOST_NAMES = 20
_FRAME_PX = 5
"""8 % of a thumbnail's side."""
_SEGMENT_PX = 4
_SAME = 1e-6
_TELLING = 0.55
"""A probe that surely reaches this is told of."""

Features = Float[np.ndarray, "image feature"]


@dataclass(frozen=True)
class Probe:
    """One entry of the table of probes.

    Attributes:
        title: What the probe is given, in a few words.
        inputs: The same, item by item.
        lesson: What follows when it reaches much.
        features: Numbers per film; None where there is nothing to be learnt from (one value for all films).
        pixels: Whether it needs the films.
        severity: Of reaching much; None where that is no shortcut by itself, as the probe sees the chest.
    """

    title: str
    inputs: tuple[str, ...]
    lesson: str
    features: Callable[[Examination], Features | None]
    pixels: bool = False
    severity: Severity | None = "warning"


def audit_shortcuts(
    examination: Examination, *, seed: int = 0, on_progress: Callable[[int, int], None] | None = None
) -> Iterator[ShortcutProbe]:
    """Yield what each probe of ``PROBES`` reaches; one that has nothing to learn from says so.

    Args:
        examination: What is examined; probes of pixels are left out where films were not opened.
        seed: Of folds, of the films taken, and of the bootstrap.
        on_progress: Told after every probe.
    """
    probes = {code: probe for code, probe in PROBES.items() if not (probe.pixels and examination.thumbnails is None)}
    for place, (code, probe) in enumerate(probes.items()):
        yield _measure(code, probe, examination, seed)
        if on_progress:
            on_progress(place + 1, len(probes))


def shortcut_checks(probes: Sequence[ShortcutProbe]) -> Iterator[DoctorCheck]:
    """Yield what surely reaches a mean AUROC of 0.55 and is a shortcut."""
    for probe in probes:
        severity = PROBES[probe.code].severity
        if probe.auroc.low >= _TELLING and severity:
            yield DoctorCheck(
                code=f"shortcut_{probe.code}",
                title=f"shortcut: {probe.title}",
                severity=severity,
                sentence=f"{probe.sentence.partition(': ')[0]}.",
                fix=PROBES[probe.code].lesson,
                n_films=probe.n_images,
            )


def _measure(code: str, probe: Probe, examination: Examination, seed: int) -> ShortcutProbe:
    features = probe.features(examination)
    rows = _rows(examination, probe, features, seed)
    targets = examination.subject.manifest.targets(rows)
    patients = pd.factorize(examination.subject.patients[rows])[0]
    enough = _enough(targets, patients)
    if features is None or not enough.any():
        why = (
            "It is the same for all films." if features is None else "No finding has enough films with and without it."
        )
        return ShortcutProbe(
            code=code,
            title=probe.title,
            inputs=probe.inputs,
            auroc=MacroMetric(findings=()),
            findings={},
            n_images=len(rows),
            sentence=f"{probe.title[0].upper()}{probe.title[1:]} was not measured: {why}",
        )
    names = tuple(np.array(examination.subject.manifest.findings)[enough])
    scores = _out_of_fold(features[rows], targets[:, enough], patients, seed)
    return _probe(code, probe, names, (scores, targets[:, enough], patients), seed)


def _probe(
    code: str,
    probe: Probe,
    names: tuple[str, ...],
    measured: tuple[Features, Float32[np.ndarray, "image finding"], Int[np.ndarray, " image"]],
    seed: int,
) -> ShortcutProbe:
    scores, targets, patients = measured
    values = np.array([auroc(score, target) for score, target in zip(scores.T, targets.T, strict=True)])
    replicates = bootstrap_ranks(scores, targets, patients, n_replicates=_N_REPLICATES, seed=seed).auroc
    low, high = (float(end[0]) for end in percentile_interval(mean_over_findings(replicates)[:, None]))
    mean = float(mean_over_findings(values))
    best = int(np.nanargmax(values))
    return ShortcutProbe(
        code=code,
        title=probe.title,
        inputs=probe.inputs,
        auroc=MacroMetric(value=mean, low=low, high=high, findings=names),
        findings=dict(zip(names, map(float, values), strict=True)),
        n_images=len(targets),
        sentence=(
            f"{probe.title[0].upper()}{probe.title[1:]} alone reaches {mean:.3f} ({low:.3f} to {high:.3f}) mean AUROC "
            f"over {count(len(names), 'finding')}, {values[best]:.3f} for {names[best].replace('_', ' ')}"
            + f": {_verdict(probe, low)}"
        ),
    )


def _verdict(probe: Probe, low: float) -> str:
    """Say what follows from a mean AUROC that is at least ``low``."""
    if low >= _TELLING:
        return f"{probe.lesson[0].lower()}{probe.lesson[1:]}"
    return "more than chance." if low > 0.5 else "hardly more than chance."


def _rows(examination: Examination, probe: Probe, features: Features | None, seed: int) -> Int[np.ndarray, " row"]:
    """Return the films a probe is measured on: those with pixels, of so many patients as fit."""
    n_images = len(examination.subject.manifest)
    if not probe.pixels or examination.thumbnails is None or features is None:
        return np.arange(n_images)
    rows = np.flatnonzero(examination.thumbnails.readable)
    if len(rows) <= _MOST_FILMS:
        return rows
    patients = pd.factorize(examination.subject.patients[rows])[0]
    order = np.random.default_rng(seed).permutation(int(patients.max()) + 1)
    films = np.bincount(patients)[order].cumsum()
    return rows[np.isin(patients, order[: int(np.searchsorted(films, _MOST_FILMS, side="right"))])]


def _enough(
    targets: Float32[np.ndarray, "image finding"], patients: Int[np.ndarray, " image"]
) -> Bool[np.ndarray, " finding"]:
    """Whether a finding has enough films with and without it, of enough patients for every fold."""
    enough = np.zeros(targets.shape[1], dtype=bool)
    for place, labels in enumerate(targets.T):
        counts = [(labels == value).sum() for value in (0, 1)]
        people = [len(np.unique(patients[labels == value])) for value in (0, 1)]
        enough[place] = min(counts) >= MEASURABLE_POSITIVES and min(people) >= 2 * _N_FOLDS
    return enough


def _out_of_fold(
    features: Features, targets: Float32[np.ndarray, "image finding"], patients: Int[np.ndarray, " image"], seed: int
) -> Float[np.ndarray, "image finding"]:
    """Return each film's score by the probe that was fitted on the other patients.

    Only the direction that a fold learnt counts, not its intercept and length: those move against the share of
    positives held out, and films that are alike would be ranked by their fold.
    """
    fold_of = np.random.default_rng(seed).permutation(int(patients.max()) + 1) % _N_FOLDS
    fold = fold_of[patients]
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    scores = np.zeros(targets.shape)
    for number in range(_N_FOLDS):
        held_out = fold == number
        for place, labels in enumerate(targets.T):
            known = ~held_out & ~np.isnan(labels)
            if len(np.unique(labels[known])) == 2:
                weights = _weights(scaled[known], labels[known])
                scores[held_out, place] = scaled[held_out] @ (weights / max(float(np.linalg.norm(weights)), 1e-12))
    return np.round(scores, 9)


def _weights(features: Features, labels: Float32[np.ndarray, " image"]) -> Float[np.ndarray, " feature"]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    # Many features of few films: stronger shrinkage, as a probe that learns its films by heart measures nothing.
    model = LogisticRegression(C=1.0 if features.shape[1] < 50 else 0.01, max_iter=100, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, labels)
    return np.asarray(model.coef_[0])


# --- what probes are given -------------------------------------------------------------------------------------------


def _named(column: "pd.Series[str]") -> Features:
    """Return a column of 0 and 1 per frequent name, the last one for all others."""
    names = column.fillna("").astype(str).str.strip().str.upper()
    frequent = names.value_counts().index[:_MOST_NAMES]
    codes = pd.Categorical(names, categories=frequent).codes.astype(np.int64)
    return np.eye(len(frequent) + 1)[np.where(codes < 0, len(frequent), codes)]


def _varied(features: Features) -> Features | None:
    """Return the columns that differ between films; None if there is none."""
    kept = features[:, features.std(axis=0) > _SAME] if len(features) else features[:, :0]
    return kept if kept.shape[1] else None


def _view(examination: Examination) -> Features | None:
    return _varied(_named(examination.subject.manifest.table["view"]))


def _source(examination: Examination) -> Features | None:
    return _varied(_named(examination.subject.manifest.table["source"]))


def _metadata(examination: Examination) -> Features | None:
    table = examination.subject.manifest.table
    ages = table["age_years"].to_numpy(dtype=float)
    unknown = np.isnan(ages)
    years = np.where(unknown, np.nanmean(ages) if (~unknown).any() else 0.0, ages) / 50
    films = np.log(table.groupby("patient_id")["image_id"].transform("size").to_numpy(dtype=float))
    parts = [_named(table[name]) for name in ("view", "sex", "source")]
    return _varied(np.column_stack([*parts, years, years**2, unknown, films, films**2]))


def _geometry(examination: Examination) -> Features | None:
    thumbnails = examination.thumbnails
    if thumbnails is None:
        return None
    height, width = (thumbnails.sizes[:, place].clip(1).astype(float) for place in (0, 1))
    logs = [np.log(width), np.log(height), np.log(width / height)]
    kinds = _named(examination.subject.manifest.table["path"].astype(str).str.rpartition(".")[2])
    features = np.column_stack([*logs, *(part**2 for part in logs), kinds])
    return _varied(np.where(thumbnails.readable[:, None], features, 0.0))


def _borders(examination: Examination) -> Features | None:
    thumbnails = examination.thumbnails
    if thumbnails is None:
        return None
    pixels = thumbnails.pixels
    side = pixels.shape[1]
    frame = [pixels[:, :_FRAME_PX], pixels[:, side - _FRAME_PX :]]
    frame += [part.transpose(0, 2, 1) for part in (pixels[:, :, :_FRAME_PX], pixels[:, :, side - _FRAME_PX :])]
    parts = [part.reshape(len(pixels), _FRAME_PX, side // _SEGMENT_PX, _SEGMENT_PX) for part in frame]
    values = [values for part in parts for values in (part.mean(axis=(1, 3)), part.max(axis=(1, 3)))]
    return _varied(np.column_stack(values).astype(np.float32) / 255)


def _thumbnail(examination: Examination) -> Features | None:
    thumbnails = examination.thumbnails
    if thumbnails is None:
        return None
    n_images, side = thumbnails.pixels.shape[:2]
    cells = thumbnails.pixels.reshape(n_images, 16, side // 16, 16, side // 16).mean(axis=(2, 4), dtype=np.float32)
    return _varied(cells.reshape(n_images, -1) / 255)


PROBES: dict[str, Probe] = {
    "view": Probe(
        "view position",
        ("view",),
        "A model can learn the ward (bedside films are AP) instead of the disease: report within-view figures.",
        _view,
    ),
    "source": Probe(
        "the source of a film",
        ("data set or device",),
        "A model can learn where a film comes from instead of the disease: report figures per source, and test on a "
        "source that was not trained on.",
        _source,
    ),
    "metadata": Probe(
        "what is known beside the film",
        ("view", "sex", "age", "source", "number of films of the patient"),
        "Part of a model's score can be had without looking at the lungs: report figures per view, sex and age, and "
        "compare with this number.",
        _metadata,
    ),
    "geometry": Probe(
        "size and format of the file",
        ("width", "height", "aspect ratio", "ending of the file's name"),
        "A model can learn the device or the data set from the shape of a film: bring all films to one form, and "
        "report figures per source.",
        _geometry,
        pixels=True,
    ),
    "borders": Probe(
        "the outer 8 % of the film",
        ("grey values of the frame: borders, corners, markers, collimation, padding",),
        "A model can learn markers, collimation or padding, which stand there beside a little of the chest: crop the "
        "borders, or check heat maps for them.",
        _borders,
        pixels=True,
        severity="note",
    ),
    "thumbnail": Probe(
        "the film at 16 x 16 pixels",
        ("grey values of 256 cells",),
        "It sees anatomy (a large heart, fluid), so it is no shortcut by itself: what a model adds to this number is "
        "what it learnt from detail.",
        _thumbnail,
        pixels=True,
        severity=None,
    ),
}
"""The probes, by code."""
