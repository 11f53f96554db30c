"""Sets of phantoms on disk, in the layout of ChestX-ray14, so that they take the same way in as real films."""

import csv
import io
import json
import multiprocessing
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from hilum.data.masks import MASK_FOLDER, mask_name
from hilum.data.nih import PHANTOM_MARKER
from hilum.errors import DataError, InvalidValueError, StorageError
from hilum.findings import NIH_FINDINGS, NO_FINDING
from hilum.imaging import write_dicom, write_png
from hilum.phantoms import Phantom, render_film
from hilum.runs import keep_freed_memory, write_text

__all__ = ["BOX_HEADER", "LABEL_HEADER", "PhantomSet", "write_phantoms"]

LABEL_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
BOX_HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"
"""NIH's own; the three empty columns stand in the original."""

LABEL_FILE, BOX_FILE, IMAGES = "Data_Entry_2017.csv", "BBox_List_2017.csv", "images"

_SCHEMA = 1
_AHEAD = 12
"""Films a worker may be ahead of the writer; bounds the memory."""
_NOISE = 4
"""Keeps the draws of label noise apart from those of the films."""


@dataclass(frozen=True)
class PhantomSet:
    """What was written.

    Attributes:
        folder: Where it lies.
        n_images: Films.
        n_patients: Patients they are of.
        n_positive: Films on which each finding is labelled.
        n_flipped: Labels that say the opposite of the truth.
    """

    folder: Path
    n_images: int
    n_patients: int
    n_positive: dict[str, int]
    n_flipped: int


def write_phantoms(
    folder: Path,
    *,
    count: int,
    size_px: int,
    seed: int,
    prevalence: Literal["nih", "balanced"] = "balanced",
    label_noise: float = 0.0,
    dicom: bool = False,
    masks: bool = False,
    workers: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> PhantomSet:
    """Render a set of phantoms and write it as NIH does.

    The folder holds ``Data_Entry_2017.csv``, ``BBox_List_2017.csv`` (in pixels of the films; always the truth), the
    films in ``images``, and ``phantoms.json``, by which readers know that the films are made up. The marker is written
    first and the label file last: a set that was broken off is no set.

    Args:
        folder: Made if it is missing; phantoms that lie there already are replaced.
        count: Films, at least 1.
        size_px: Side of the films in pixels.
        seed: The same seed gives the same bytes, whatever the number of workers.
        prevalence: ``balanced`` or ``nih``, see ``hilum.phantoms``.
        label_noise: Chance of each label to say the opposite of the truth, from 0 to 0.5.
        dicom: Write DICOM instead of PNG (needs the extra ``dicom``).
        masks: Also write one PNG per film and finding into ``masks``.
        workers: Processes that render; 1 renders in this one. With more, a script that calls this must keep its own
            work under ``if __name__ == "__main__"``.
        on_progress: Called with films done and films in all.

    Raises:
        InvalidValueError: A number is out of its range; an older set is still there.
        UnknownNameError: ``prevalence`` is unknown; likewise.
        DataError: The folder holds something that is not a set of phantoms.
        StorageError: The disk is full or cannot be written.
        MissingExtraError: DICOM was asked for and pydicom is not installed.
    """
    if count < 1 or workers < 1 or not 0 <= label_noise <= 0.5:
        raise InvalidValueError(
            "count and workers must be at least 1 and label_noise lie in [0, 0.5]; "
            f"got {count}, {workers} and {label_noise}"
        )
    render = partial(render_film, seed, size_px=size_px, prevalence=prevalence)
    render(0)  # Settings that cannot be rendered must not cost an older set.
    _make_room(folder, count=count, size_px=size_px, seed=seed, prevalence=prevalence, label_noise=label_noise)
    labels: list[list[object]] = []
    boxes: list[list[object]] = []
    called: list[tuple[str, ...]] = []
    flipped = 0
    for index, film in enumerate(_render_all(render, count, workers)):
        name = f"{film.patient_number:08d}_{film.follow_up:03d}{'.dcm' if dicom else '.png'}"
        _write_film(folder / IMAGES / name, film)
        if masks:
            _write_masks(folder / MASK_FOLDER, name, film)
        findings = _noisy_labels(film, label_noise, np.random.default_rng((seed, _NOISE, index)))
        flipped += sum((finding in findings) != bool(film.targets[finding]) for finding in NIH_FINDINGS)
        called.append(findings)
        labels.append(_label_row(name, film, findings))
        boxes += [[name, finding, *box] for finding, found in film.boxes.items() for box in found]
        if on_progress is not None:
            on_progress(index + 1, count)
    write_text(folder / BOX_FILE, _table(BOX_HEADER, boxes))
    write_text(folder / LABEL_FILE, _table(LABEL_HEADER, labels))
    positive = {finding: sum(finding in findings for findings in called) for finding in NIH_FINDINGS}
    return PhantomSet(folder, count, len({row[3] for row in labels}), positive, flipped)


def _make_room(folder: Path, **settings: float | str) -> None:
    """Mark the folder as phantoms and clear an earlier set; refuses to touch anything else."""
    marker = folder / PHANTOM_MARKER
    if folder.exists() and not marker.is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} holds something that is not a set of phantoms: choose an empty or a new folder")
    write_text(marker, json.dumps({"phantoms": True, "schema": _SCHEMA, **settings}, indent=2) + "\n")
    try:
        for name in (LABEL_FILE, BOX_FILE):
            (folder / name).unlink(missing_ok=True)
        for name in (IMAGES, MASK_FOLDER):
            shutil.rmtree(folder / name, ignore_errors=True)
        (folder / IMAGES).mkdir()
    except OSError as error:
        raise StorageError(f"cannot make room in {folder}: {error.strerror}. Choose another folder.") from error


def _render_all(render: Callable[[int], Phantom], count: int, workers: int) -> Iterator[Phantom]:
    """Render films 0 to ``count`` in order; the workers stay only a few films ahead of the reader."""
    if workers == 1:
        keep_freed_memory()
        yield from map(render, range(count))
        return
    # Fresh processes: a fork would copy the locks of whatever threads run here.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=keep_freed_memory) as pool:
        ahead: deque[Future[Phantom]] = deque()
        for index in range(count):
            ahead.append(pool.submit(render, index))
            if len(ahead) >= _AHEAD * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _noisy_labels(film: Phantom, noise: float, rng: np.random.Generator) -> tuple[str, ...]:
    wrong = rng.random(len(NIH_FINDINGS)) < noise
    return tuple(name for name, flip in zip(NIH_FINDINGS, wrong, strict=True) if bool(film.targets[name]) != flip)


def _label_row(name: str, film: Phantom, findings: tuple[str, ...]) -> list[object]:
    size, spacing = film.pixels.shape[0], round(film.spacing_mm, 4)
    person = (film.follow_up, film.patient_number, film.age_years, film.sex, film.view)
    return [name, "|".join(findings) or NO_FINDING, *person, size, size, spacing, spacing]


def _write_film(path: Path, film: Phantom) -> None:
    try:
        if path.suffix == ".png":
            write_png(path, film.pixels)
        else:
            write_dicom(
                path,
                film.pixels,
                patient_id=str(film.patient_number),
                instance_number=film.follow_up + 1,
                view=film.view,
                age_years=film.age_years,
                sex=film.sex,
            )
    except OSError as error:
        raise StorageError(
            f"cannot write a phantom: {error.strerror}. Free some space or choose another folder."
        ) from error


def _write_masks(folder: Path, name: str, film: Phantom) -> None:
    folder.mkdir(exist_ok=True)
    for finding, mask in film.masks.items():
        write_png(folder / mask_name(name, finding), mask.astype(np.uint8) * 255)


def _table(header: str, rows: list[list[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return f"{header}\n{text.getvalue()}"
