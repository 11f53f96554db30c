"""``hilum explain``: where on the film a finding was seen."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli._option import Method
from hilum.cli._terminal import complain, progress, say, wrote
from hilum.errors import ImageRefusedError, InvalidValueError
from hilum.wording import count

if TYPE_CHECKING:
    from hilum.inference import Predictor
    from hilum.records import Image

__all__ = ["explain"]


def explain(
    films: Annotated[list[Path], typer.Argument(help="Films or folders.")],
    bundle: Annotated[Path, typer.Option(help="The bundle that answers.")],
    out: Annotated[Path, typer.Option(help="The folder for the pictures: <film>_<finding>.png.")],
    finding: Annotated[
        list[str] | None,
        typer.Option(help="A finding to explain, whatever its call; by default those present or referred."),
    ] = None,
    method: Method = "grad_cam",
) -> None:
    """Write a heat map over the film for every finding called present or referred. Not a medical device."""
    from hilum.findings import get_finding
    from hilum.imaging import FilmReader
    from hilum.inference import Predictor, collect_files
    from hilum.models import load_bundle

    wanted = [get_finding(name).name for name in finding or ()]
    files = collect_files(films)
    _check_names(files)
    predictor = Predictor(load_bundle(bundle))
    _check_findings(wanted, predictor.findings)
    pictures: list[Path] = []
    n_refused = 0
    with progress(f"explaining {count(len(files), 'film')}") as on_progress, FilmReader(workers=1) as reader:
        for number, file in enumerate(files):
            try:
                pictures += _explain_film(predictor, reader.read(file), file, wanted, method, out)
            except ImageRefusedError as refusal:
                n_refused += 1
                complain(f"{file.name}   not answered: {refusal.code}. {refusal}")
            on_progress(number + 1, len(files))
    wrote(*pictures)
    if not pictures and n_refused < len(files):
        say("no picture: nothing was called present or referred. --finding NAME explains a finding whatever its call.")
    if n_refused == len(files):
        raise typer.Exit(1)


def _check_names(files: list[Path]) -> None:
    """Refuse films whose pictures would overwrite each other."""
    first: dict[str, Path] = {}
    for file in files:
        if first.setdefault(file.stem, file) is not file:
            raise InvalidValueError(
                f"{first[file.stem]} and {file} have the same name, so their pictures would, too: "
                "explain them one by one, with another --out each"
            )


def _check_findings(wanted: list[str], known: Sequence[str]) -> None:
    for name in wanted:
        if name not in known:
            raise InvalidValueError(f"this bundle does not answer for {name}; it answers for {', '.join(known)}")


def _explain_film(
    predictor: "Predictor", image: "Image", file: Path, wanted: list[str], method: str, out: Path
) -> list[Path]:
    from hilum.explain import explain_image, overlay
    from hilum.imaging import encode_png
    from hilum.runs import write_bytes

    answers = predictor.predict_image(image, path=file).findings
    names = wanted or [name for name, answer in answers.items() if answer.call in {"present", "refer"}]
    pictures = []
    for name in names:
        explanation = explain_image(predictor, image, name, method=method, image_id=file.name)
        picture = out / f"{file.stem}_{name}.png"
        write_bytes(picture, encode_png(overlay(image, explanation)))
        pictures.append(picture)
    return pictures
