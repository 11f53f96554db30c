"""Judge a bundle's heat maps against marked boxes, beside maps that know nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Float64, Shaped

from hilum.data import FilmBoxes, FilmMasks, Manifest, patient_hash, place_boxes
from hilum.errors import DataError, ImageRefusedError, InvalidValueError, LeakError
from hilum.evaluation.caution import MADE_UP, TRAINING_UNKNOWN
from hilum.evaluation.from_bundle import BundleLike
from hilum.evaluation.map_scores import (
    MODEL,
    OVERLAPS,
    FilmMap,
    ScoredMaps,
    draw_maps,
    measure_film,
    measure_film_mask,
    resample_grid,
    score_maps,
)
from hilum.evaluation.origin import Origin, make_pedigree
from hilum.findings import title_of
from hilum.imaging import ResizeRule
from hilum.metrics import patient_folds
from hilum.records import MEASURABLE_POSITIVES, Explanation, Localisation, Pedigree, RedFlag

__all__ = ["ExplainerLike", "LocalisationSettings", "LocalisedFilm", "evaluate_localisation"]

OnProgress = Callable[[int, int], None]

_WORKING_PX = 256
_JUDGED, _OTHER_SPLIT = "boxes judged", "boxes on films of other splits"
_NOT_ANSWERED, _NO_FILM = "boxes of findings that the bundle does not answer for", "boxes on films not in the manifest"
_UNREADABLE, _OUTSIDE = "boxes on films that could not be read", "boxes outside of their film"
_MASKED, _NO_MASK = "masks judged", "films and findings with a box and without a mask"


@runtime_checkable
class ExplainerLike(Protocol):
    """What is needed to get heat maps; the command line makes it of the rooms ``inference`` and ``explain``."""

    @property
    def bundle(self) -> BundleLike:
        """The bundle that answers."""
        ...

    @property
    def method(self) -> str:
        """How the maps are made, such as ``grad_cam``."""
        ...

    def explain(self, path: Path, findings: Sequence[str]) -> Mapping[str, Explanation]:
        """Return a map per finding at the film's own size; raises ImageRefusedError for what is no film."""
        ...


@dataclass(frozen=True)
class LocalisationSettings:
    """How heat maps are judged.

    Attributes:
        split: The films; those of other splits are left out.
        all_films: Judge on films of every split, patients of the training too; the study is flagged in red.
        rule: How films were made to fit into the square that the boxes were drawn in.
        tolerance: How far from a box the hottest pixel may lie, as a share of the film's longer side.
        n_folds: Folds of patients for the threshold of heat.
        bootstrap: Resamples of patients for the intervals; 0 for none.
        seed: Of the folds, the random maps and the resamples.
        command: The command line, for the pedigree.
    """

    split: str = "test"
    all_films: bool = False
    rule: ResizeRule = "stretch"
    tolerance: float = 0.0
    n_folds: int = 5
    bootstrap: int = 1000
    seed: int = 0
    command: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < 1 or self.n_folds < 2 or self.bootstrap < 0:
            raise InvalidValueError(
                "tolerance must lie in [0, 1), n_folds be at least 2 and bootstrap at least 0; got "
                f"{self.tolerance}, {self.n_folds} and {self.bootstrap}"
            )


@dataclass(frozen=True, eq=False)
class LocalisedFilm:
    """A film that was judged for one finding, for pictures.

    Attributes:
        image_id: The film.
        finding: The finding.
        path: Where the film lies.
        boxes: The marked boxes in the film's own pixels.
        pointing: 1 if the hottest pixel lies in one, else 0.
        best_iou: Mean over the boxes of the best IoU; NaN without a threshold.
        heat_threshold: Chosen on the other folds; NaN if there are none.
    """

    image_id: str
    finding: str
    path: Path
    boxes: Float64[np.ndarray, "marked 4"]
    pointing: float
    best_iou: float
    heat_threshold: float


def evaluate_localisation(
    explainer: ExplainerLike,
    manifest: Manifest,
    boxes: FilmBoxes,
    settings: LocalisationSettings,
    *,
    masks: FilmMasks | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[Localisation, tuple[LocalisedFilm, ...]]:
    """Judge heat maps on every film that has a marked box of a finding which the bundle answers for.

    Args:
        explainer: Gives the maps.
        manifest: Says where the films lie, whose they are, and which split they are in.
        boxes: The marked boxes.
        settings: How to judge.
        masks: Masks of the same films and findings, where they are known: maps are judged against both.
        on_progress: Called with (films done, films in all).

    Returns:
        The study, and what became of each film and finding.

    Raises:
        DataError: There is no film to judge on.
        LeakError: Patients of the bundle's training are among the films, and ``all_films`` was not asked for.
    """
    spec = explainer.bundle.spec
    table, counts = _films_with_boxes(manifest, boxes, tuple(spec.findings), settings)
    n_shared = _count_shared(table, spec.training_patients)
    if n_shared and not settings.all_films:
        raise LeakError(
            f"{n_shared} of {table['patient_id'].nunique()} patients were in this bundle's training set: it has seen "
            "their films. Split anew (`hilum data split`), or --all-films to get a study that is marked in red."
        )
    films, judged = [], []
    truth = _Truth(boxes, masks, settings)
    for film, found in _measured(explainer, table, truth, counts, on_progress):
        films.append(film)
        judged.append(found)
    if not films:
        raise DataError(f"none of the films with a box in {boxes.source} could be judged: {_in_words(counts)}")
    counts[_JUDGED] = sum(len(film.places) for film in films)
    if masks is not None:
        counts[_MASKED] = sum(film.mask is not None for film in films)
        counts[_NO_MASK] = len(films) - counts[_MASKED]
    folds = patient_folds(np.array([film.patient for film in films]), settings.n_folds, settings.seed)
    scored = score_maps(films, folds, tolerance=settings.tolerance, bootstrap=settings.bootstrap, seed=settings.seed)
    spoken = (tuple(_red_flags(table, n_shared)), tuple(_warnings(explainer, manifest, scored)))
    study = Localisation(
        title=f"{boxes.source} on {manifest.source}, {'all films' if settings.all_films else settings.split}",
        method=explainer.method,
        overlaps=OVERLAPS,
        tolerance=settings.tolerance,
        n_folds=len(set(folds.tolist())),
        findings={name: scored.findings[name] for name in spec.findings if name in scored.findings},
        overall=scored.overall,
        counts={name: n for name, n in counts.items() if n},
        red_flags=spoken[0],
        warnings=spoken[1],
        pedigree=_pedigree(explainer, manifest, settings, films),
    )
    outcomes = zip(judged, films, scored.best_iou.tolist(), scored.heat_thresholds.tolist(), strict=True)
    return study, tuple(
        LocalisedFilm(film.image_id, film.finding, *found, film.maps[MODEL].pointing, best, heat)
        for found, film, best, heat in outcomes
    )


def _films_with_boxes(
    manifest: Manifest, boxes: FilmBoxes, findings: Sequence[str], settings: LocalisationSettings
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return a row per film that has a box to judge on, and count the boxes that are left out."""
    films = manifest.table.set_index("image_id")
    counts = dict.fromkeys((_JUDGED, _NO_FILM, _OTHER_SPLIT, _NOT_ANSWERED, _UNREADABLE, _OUTSIDE), 0)
    wanted: dict[str, None] = {}
    splits = films["split"].to_dict()
    for image_id, finding in zip(boxes.image_ids, boxes.findings, strict=True):
        if image_id not in splits:
            counts[_NO_FILM] += 1
        elif not settings.all_films and splits[image_id] != settings.split:
            counts[_OTHER_SPLIT] += 1
        elif finding not in findings:
            counts[_NOT_ANSWERED] += 1
        else:
            wanted[image_id] = None
    if not wanted:
        raise DataError(
            f"no box of {boxes.source} lies on a film to judge on ({_in_words(counts)}). Judge on another --split, on "
            "--all-films, or name the list of boxes that belongs to this manifest"
        )
    return films.loc[list(wanted)].reset_index(), counts


def _count_shared(table: pd.DataFrame, training_patients: Sequence[str]) -> int:
    trained = set(training_patients)
    return sum(patient_hash(patient) in trained for patient in table["patient_id"].unique())


@dataclass(frozen=True, eq=False)
class _Truth:
    """What maps are held against, and how."""

    boxes: FilmBoxes
    masks: FilmMasks | None
    settings: LocalisationSettings

    def measure(
        self,
        film: FilmMap,
        heat: Float[np.ndarray, "height width"],
        seed: tuple[int, ...],
    ) -> FilmMap:
        """Return the film with its overlaps, with boxes and with a mask if it has one."""
        drawn = draw_maps(_thinned(heat).astype(np.float64), np.random.default_rng(seed))
        film = replace(film, maps=measure_film(drawn, film.places, tolerance=self.settings.tolerance))
        mask = self._mask(film, (heat.shape[0], heat.shape[1]))
        if mask is None:
            return film
        return replace(film, mask=mask, mask_maps=measure_film_mask(drawn, mask, tolerance=self.settings.tolerance))

    def _mask(self, film: FilmMap, shape: tuple[int, int]) -> Bool[np.ndarray, "rows columns"] | None:
        mask = self.masks.read(film.image_id, film.finding, shape) if self.masks else None
        small = None if mask is None else _thinned(mask)
        return small if small is not None and small.any() else None


def _measured(
    explainer: ExplainerLike,
    table: pd.DataFrame,
    truth: _Truth,
    counts: dict[str, int],
    on_progress: OnProgress | None,
) -> Iterator[tuple[FilmMap, tuple[Path, Float64[np.ndarray, "marked 4"]]]]:
    """Yield every film and finding with its overlaps; and where the film lies, with the boxes in its own pixels."""
    boxes, settings = truth.boxes, truth.settings
    by_film = boxes.by_film()
    answered = [name for name in explainer.bundle.spec.findings if name in set(boxes.findings)]
    columns = (table[name].astype(str).tolist() for name in ("image_id", "path", "patient_id"))
    for number, (image_id, path, patient) in enumerate(zip(*columns, strict=True)):
        marked = {name: by_film[image_id, name] for name in answered if (image_id, name) in by_film}
        try:
            maps = explainer.explain(Path(path), list(marked))
        except (ImageRefusedError, OSError):
            counts[_UNREADABLE] += sum(map(len, marked.values()))
            maps = {}
        for name, explanation in maps.items():
            shape = (explanation.heat.shape[0], explanation.heat.shape[1])
            placed = place_boxes(marked[name], shape, side_px=boxes.side_px, rule=settings.rule)
            counts[_OUTSIDE] += len(marked[name]) - len(placed)
            if len(placed):
                places = placed / np.array([shape[1], shape[0], shape[1], shape[0]])
                film = FilmMap(image_id, name, patient, places, explanation.probability, {})
                seed = (settings.seed, number, answered.index(name))
                yield truth.measure(film, explanation.heat, seed), (Path(path), placed)
        if on_progress is not None:
            on_progress(number + 1, len(table))


def _thinned(heat: Shaped[np.ndarray, "height width"]) -> Shaped[np.ndarray, "rows columns"]:
    """Return a map or a mask of at most 256 pixels a side: a map is smooth, and so are its parts."""
    longest = max(heat.shape)
    rows, columns = (min(length, max(1, round(length * _WORKING_PX / longest))) for length in heat.shape)
    return resample_grid(heat, (rows, columns))


def _red_flags(table: pd.DataFrame, n_shared: int) -> Iterator[RedFlag]:
    n_patients = table["patient_id"].nunique()
    if n_shared:
        yield RedFlag(
            code="shared_patients",
            sentence=f"{n_shared} of {n_patients} patients were in the bundle's training set: the maps are of films "
            "that the model has seen. Judge on the test split alone (without --all-films) for a number that counts.",
        )
    n_validation = int((table["split"] == "validation").sum())
    if n_validation:
        yield RedFlag(
            code="selection_films",
            sentence=f"{n_validation} of {len(table)} films are of the validation split, on which the checkpoint was "
            "chosen. Judge on the test split alone for a number that counts.",
        )


def _warnings(explainer: ExplainerLike, manifest: Manifest, scored: ScoredMaps) -> Iterator[str]:
    if manifest.phantom:
        yield MADE_UP
    answered = explainer.bundle.spec.findings
    n_boxes = {name: scored.findings[name].n_boxes for name in answered if name in scored.findings}
    few = [f"{title_of(name)} ({n})" for name, n in n_boxes.items() if n < MEASURABLE_POSITIVES]
    if few:
        yield f"Fewer than {MEASURABLE_POSITIVES} boxes, so the figures say little: {', '.join(few)}."
    if not explainer.bundle.spec.training_patients:
        yield TRAINING_UNKNOWN
    yield (
        "Maps are judged on films with a marked finding alone: how often a map points at something on a film without "
        "it is not measured here."
    )
    yield "A map that hits shows where the model looked, not that it looked for the right reason."


def _pedigree(
    explainer: ExplainerLike, manifest: Manifest, settings: LocalisationSettings, films: Sequence[FilmMap]
) -> Pedigree:
    return make_pedigree(
        Origin(
            command=settings.command,
            data_digest=manifest.digest,
            split="all" if settings.all_films else settings.split,
            split_digest=manifest.split_digest,
            bundle_digest=explainer.bundle.digest,
        ),
        n_images=len({film.image_id for film in films}),
        n_patients=len({film.patient for film in films}),
        bootstrap=settings.bootstrap,
        seed=settings.seed,
        thresholds_from="folds of patients, each threshold of heat chosen on the other folds",
    )


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in counts.items() if n)
