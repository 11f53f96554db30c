"""``hilum localise``: do the heat maps point at the places that radiologists marked?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hilum.cli._option import Method
from hilum.cli._terminal import mind, progress, say, show_flags, table, wrote
from hilum.errors import ImageRefusedError, InvalidValueError
from hilum.findings import title_of
from hilum.wording import fixed, measured

if TYPE_CHECKING:
    from hilum.data import FilmMasks
    from hilum.evaluation import LocalisedFilm
    from hilum.imaging import FilmReader
    from hilum.inference import Predictor
    from hilum.models import Bundle
    from hilum.records import Explanation, Localisation
    from hilum.reporting import MarkedFilm

__all__ = ["localise"]

_SHOWN_OVERLAP = 0.3
_CONTROLS = {"random": "random", "centre": "middle", "usual_place": "usual place"}


class _Maps:
    """Heat maps of films on disk, as ``evaluation.ExplainerLike`` wants them."""

    def __init__(self, predictor: "Predictor", reader: "FilmReader", method: str) -> None:
        self._predictor, self._reader, self.method = predictor, reader, method

    @property
    def bundle(self) -> "Bundle":
        """The bundle that answers."""
        return self._predictor.bundle

    def explain(self, path: Path, findings: Sequence[str]) -> "Mapping[str, Explanation]":
        """Return a map per finding at the film's own size."""
        from hilum.explain import explain_image

        image = self._reader.read(path)
        return {
            name: explain_image(self._predictor, image, name, method=self.method, image_id=path.name)
            for name in findings
        }


def localise(
    context: typer.Context,
    manifest: Annotated[Path, typer.Option(help="The manifest with the films to judge on, split.")],
    run: Annotated[Path | None, typer.Option(help="A run folder: its bundle is judged.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="A bundle that lies elsewhere; needs --out.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for localisation.json and localisation.html; a run's evaluation folder.")
    ] = None,
    boxes: Annotated[
        Path | None, typer.Option(help="The list of boxes, or a folder with it; by default beside the films.")
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(help="A folder of masks, judged as well; a set of phantoms with `masks` brings its own."),
    ] = None,
    box_side: Annotated[
        int | None,
        typer.Option(min=0, help="Side of the square that boxes were drawn in; 0: the film's own pixels."),
    ] = None,
    box_rule: Annotated[
        Literal["stretch", "pad"], typer.Option(help="How films were fitted into that square.")
    ] = "stretch",
    method: Method = "grad_cam",
    split: Annotated[str | None, typer.Option(help="The split to judge on; test if not given.")] = None,
    all_films: Annotated[
        bool,
        typer.Option("--all-films", help="Judge on every split; films trained on are flagged in red."),
    ] = False,
    tolerance: Annotated[
        float, typer.Option(help="How far from a box the hottest pixel may lie, as a share of the longer side.")
    ] = 0.0,
    folds: Annotated[int, typer.Option(help="Folds of patients for the threshold of heat.")] = 5,
    bootstrap: Annotated[
        int, typer.Option(min=0, help="Resamples of the patients, for the intervals; 0 for none.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of folds, random maps and resamples.")] = 0,
) -> None:
    """Judge heat maps against marked boxes, beside maps that know nothing. Not a medical device."""
    from hilum.data import read_boxes, read_manifest
    from hilum.evaluation import LocalisationSettings, evaluate_localisation
    from hilum.explain import get_explainer
    from hilum.imaging import FilmReader
    from hilum.inference import Predictor
    from hilum.models import load_bundle
    from hilum.reporting import write_localisation
    from hilum.runs import write_text

    if all_films and split:
        raise InvalidValueError("--split and --all-films say different things: give one of them")
    bundle_path, folder = _places(run, bundle, out)
    get_explainer(method)
    settings = LocalisationSettings(
        split or "test", all_films, box_rule, tolerance, folds, bootstrap, seed, str(context.obj)
    )
    films = read_manifest(manifest)
    box_file = boxes or _beside(films.table["path"].tolist())
    marked = read_boxes(box_file, side_px=box_side)
    known = _masks(masks, box_file if box_file.is_dir() else box_file.parent)
    predictor = Predictor(load_bundle(bundle_path))
    with progress("looking") as on_progress, FilmReader(workers=1) as reader:
        maps = _Maps(predictor, reader, method)
        study, judged = evaluate_localisation(maps, films, marked, settings, masks=known, on_progress=on_progress)
        pictures = [picture for film in _chosen(judged) if (picture := _picture(maps, reader, film)) is not None]
    write_text(folder / "localisation.json", study.to_json())
    write_localisation(folder / "localisation.html", study, pictures)
    _show(study)
    wrote(folder / "localisation.json", folder / "localisation.html")


def _places(run: Path | None, bundle: Path | None, out: Path | None) -> tuple[Path, Path]:
    """Return where the bundle lies and where the study goes."""
    from hilum.cli._study import bundle_of
    from hilum.runs import Run

    if run and not bundle:
        opened = Run.open(run)
        return bundle_of(opened), out or opened.evaluation_path.parent
    if bundle and out and not run:
        return bundle, out
    raise InvalidValueError("expected --run RUN, or --bundle BUNDLE --out DIR, each with --manifest")


def _masks(folder: Path | None, beside: Path) -> "FilmMasks | None":
    """Return the masks that were named, or those that a set of phantoms brings."""
    from hilum.data import MASK_FOLDER, PHANTOM_MARKER, FilmMasks

    if folder is not None:
        return FilmMasks(folder)
    own = beside / MASK_FOLDER
    return FilmMasks(own) if own.is_dir() and (beside / PHANTOM_MARKER).is_file() else None


def _beside(paths: Sequence[str]) -> Path:
    """Return NIH's list of boxes in the folder of the films or one of the two above."""
    for folder in list(Path(paths[0]).parents)[:3]:
        found = sorted(folder.glob("BBox_List_2017*.csv*"))
        if found:
            return found[0]
    raise InvalidValueError("no BBox_List_2017.csv lies beside the films: name the list of boxes with --boxes")


def _chosen(judged: "Sequence[LocalisedFilm]") -> "list[LocalisedFilm]":
    """Return, per finding, the best, the middle and the worst film by overlap; chosen by rank, not by eye."""
    chosen = []
    for name in dict.fromkeys(film.finding for film in judged):
        films = [film for film in judged if film.finding == name]
        films.sort(key=lambda film: (-film.best_iou if film.best_iou == film.best_iou else 0.0, film.image_id))
        chosen += [films[place] for place in sorted({0, len(films) // 2, len(films) - 1})]
    return chosen


def _picture(maps: _Maps, reader: "FilmReader", film: "LocalisedFilm") -> "MarkedFilm | None":
    import numpy as np

    from hilum.reporting import MarkedFilm

    try:
        pixels = reader.read(film.path).pixels
        explanation = maps.explain(film.path, [film.finding])[film.finding]
    except ImageRefusedError:
        return None
    return MarkedFilm(
        image_id=film.image_id,
        finding=film.finding,
        pixels=np.rint(pixels * 255).astype(np.uint8),
        heat=explanation.heat,
        boxes=film.boxes,
        heat_threshold=film.heat_threshold,
        pointing=film.pointing,
        best_iou=film.best_iou,
        probability=explanation.probability,
    )


def _show(study: "Localisation") -> None:
    """Print a row per finding: the hottest pixel beside the controls, the overlaps, the average precision."""
    show_flags(study.red_flags)
    at = study.overlaps.index(_SHOWN_OVERLAP)
    rows: list[Sequence[str]] = []
    for name, finding in [*study.findings.items(), ("all", study.overall)]:
        model = finding.maps["model"]
        rows.append(
            (
                name if name == "all" else title_of(name),
                measured(model.pointing, 2),
                *(fixed(finding.maps[kind].pointing.value, 2) for kind in _CONTROLS),
                fixed(model.iou[at].value, 2),
                fixed(model.iobb[at].value, 2),
                fixed(model.average_precision[at].value, 2),
                f"{finding.n_boxes:,}",
            )
        )
    header = ("finding", "hottest pixel in a box (95 %)", *_CONTROLS.values())
    overlaps = (f"IoU ≥ {_SHOWN_OVERLAP:g}", f"IoBB ≥ {_SHOWN_OVERLAP:g}", f"AP at {_SHOWN_OVERLAP:g}")
    table((*header, *overlaps, "boxes"), rows)
    if study.overall.masks is not None:
        _show_masks(study)
    mind(study.warnings)
    for name, n in study.counts.items():
        say(f"{n:,} {name}")


def _show_masks(study: "Localisation") -> None:
    """Print a row per finding: the hottest pixel and the overlap with the mask, beside the controls."""
    rows: list[Sequence[str]] = []
    for name, finding in [*study.findings.items(), ("all", study.overall)]:
        if (masks := finding.masks) is not None:
            rows.append(
                (
                    name if name == "all" else title_of(name),
                    measured(masks.maps["model"].pointing, 2),
                    *(fixed(masks.maps[kind].pointing.value, 2) for kind in _CONTROLS),
                    measured(masks.maps["model"].iou, 2),
                    *(fixed(masks.maps[kind].iou.value, 2) for kind in _CONTROLS),
                    f"{masks.n_masks:,}",
                )
            )
    controls = tuple(_CONTROLS.values())
    table(("finding", "hottest pixel in the mask (95 %)", *controls, "IoU (95 %)", *controls, "masks"), rows)
