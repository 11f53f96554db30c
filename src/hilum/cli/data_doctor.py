"""``hilum data doctor``: what is wrong with a data set before anything is trained on it, or with a single film."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer

from hilum.cli._option import refuse_idle
from hilum.cli._terminal import OnProgress, complain, follow, progress, say, table, wrote
from hilum.errors import InvalidValueError
from hilum.wording import count, measured

if TYPE_CHECKING:
    from hilum.data import Subject
    from hilum.records import DoctorCheck, DoctorReport

__all__ = ["doctor"]

_MANIFEST_ENDING = ".parquet"


def doctor(
    paths: Annotated[
        list[Path], typer.Argument(help="A manifest, NIH's label file or its folder; or films, to explain each.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The folder for doctor.html, doctor.json, excluded.csv; else beside a manifest, or here."),
    ] = None,
    images: Annotated[
        list[Path] | None, typer.Option(help="A folder of a label file's films; may be given again.")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="A bundle to be tested on these films: are its training patients among them?")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="Another manifest or label file of the same films, to compare labels with.")
    ] = None,
    films: Annotated[bool, typer.Option("--films/--no-films", help="Open the films, or look at labels alone.")] = True,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if there is an error or a warning.")] = False,
    accept: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="A check that --strict lets pass; may be given again.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Write the film as hilum sees it (.png); one film alone.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that decode.")] = 2,
) -> None:
    """Find what would make a number measured on these films wrong; or explain a film."""
    source = _data_set(paths)
    of_sets = {"--out": out, "--images": images, "--bundle": bundle, "--against": against, "--no-films": not films}
    if source is None:
        refuse_idle({**of_sets, "--strict": strict, "--accept": accept}, "films", "name a manifest or a label file")
        _explain(paths, picture, workers)
        return
    _check_options(source, out, images, picture)
    if accept and not strict:
        raise InvalidValueError("--accept lets a check pass --strict, which was not given")
    folder = out or _folder_of(paths[0], source)
    report, proposal = _examine(source, images or [], folder, (bundle, against), (films, workers))
    _show(report)
    wrote(folder / "doctor.html", folder / "doctor.json", proposal)
    _next(source, report, proposal)
    if strict:
        _be_strict(report, accept or [])


def _data_set(paths: Sequence[Path]) -> Path | None:
    """Return the manifest or label file that was named; None where films were."""
    from hilum.data import LABEL_ENDINGS, find_label_file

    for path in paths:
        _refuse_known_set(path)
    sets = [path for path in paths if path.name.endswith((_MANIFEST_ENDING, *LABEL_ENDINGS))]
    if not sets and len(paths) == 1 and paths[0].is_dir():
        return find_label_file(paths[0])
    if not sets:
        return None
    if len(paths) > 1:
        raise InvalidValueError(f"one data set at a time: {sets[0]} was named beside other files")
    return sets[0]


def _refuse_known_set(path: Path) -> None:
    """Say which import comes first for a public set in another layout than NIH's."""
    from hilum.data import READERS, recognise_set
    from hilum.findings import LABEL_SETS

    name = recognise_set(path)
    if name:
        title = LABEL_SETS[READERS[name].labels].title
        raise InvalidValueError(
            f"{path} is {title}: import it first, `hilum data import {name} {path} --out {name}.parquet`, then "
            f"`hilum data doctor {name}.parquet`"
        )


def _check_options(source: Path, out: Path | None, images: list[Path] | None, picture: Path | None) -> None:
    if picture:
        raise InvalidValueError("--picture is for one film, not for a manifest")
    if out and out.is_file():
        raise InvalidValueError(f"--out {out} is a file: name a folder, for doctor.html, doctor.json and excluded.csv")
    if source.name.endswith(_MANIFEST_ENDING):
        refuse_idle({"--images": images}, "a manifest", "it says itself where its films lie")


def _folder_of(named: Path, source: Path) -> Path:
    """Return the report's folder: beside a manifest, else here, never inside a data set."""
    if source.name.endswith(_MANIFEST_ENDING):
        return source.with_name(f"{source.name.split('.')[0]}-doctor")
    name = named.resolve().name if named.is_dir() else source.name.split(".")[0]
    return Path(f"{name or 'films'}-doctor")


# --- data sets -------------------------------------------------------------------------------------------------------


def _examine(
    source: Path,
    images: list[Path],
    folder: Path,
    others: tuple[Path | None, Path | None],
    how: tuple[bool, int],
) -> tuple["DoctorReport", Path]:
    from hilum.data import examine_manifest, read_subject
    from hilum.reporting import write_doctor
    from hilum.runs import write_text

    bundle, against = others
    films, workers = how
    subject = read_subject(source, images=images)
    with _Stages() as on_progress:
        report, pictures = examine_manifest(
            subject,
            open_films=films,
            workers=workers,
            bundle_patients=_patients_of(bundle),
            against=_other(against),
            cache=folder / "films.npz",
            on_progress=on_progress,
        )
    write_doctor(folder / "doctor.html", report, pictures)
    proposal, report = _propose(report, folder, films=films)
    write_text(folder / "doctor.json", report.to_json())
    return report, proposal


def _propose(report: "DoctorReport", folder: Path, *, films: bool) -> tuple[Path, "DoctorReport"]:
    """Write what to leave out, never over what a person edited, nor over the films' faults where none was opened."""
    from hilum.data import proposed_exclusions, write_exclusions
    from hilum.runs import file_digest

    path, last = folder / "excluded.csv", _last_digest(folder / "doctor.json")
    proposal = write_exclusions(path, proposed_exclusions(report), only_over=last if films else "")
    digest = file_digest(path) if proposal == path else last
    return proposal, report.model_copy(update={"excluded_digest": digest})


def _last_digest(path: Path) -> str:
    from hilum.errors import DataError
    from hilum.records import DoctorReport

    try:
        return DoctorReport.from_json(path.read_bytes()).excluded_digest
    except (DataError, OSError):
        return ""


class _Stages:
    """Progress of one stage after another, each with a bar and a time left of its own."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._name = ""
        self._show: OnProgress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def __call__(self, done: int, total: int, stage: str, /) -> None:
        if stage != self._name or self._show is None:
            self._open.close()
            self._name, self._show = stage, self._open.enter_context(progress(stage))
        self._show(done, total)


def _patients_of(bundle: Path | None) -> tuple[str, ...] | None:
    if bundle is None:
        return None
    from hilum.models import load_bundle

    return load_bundle(bundle).spec.training_patients


def _other(against: Path | None) -> "Subject | None":
    from hilum.data import read_subject

    return None if against is None else read_subject(against)


def _show(report: "DoctorReport") -> None:
    opened = f", {count(report.n_opened, 'film')} opened" if report.n_opened else ""
    say(f"{count(report.n_images, 'film')} of {count(report.n_patients, 'patient')}{opened}")
    if report.checks:
        rows = [(check.code, f"{check.n_films:,}", check.severity, check.fix) for check in report.checks]
        table(("check", "found", "severity", "what to do"), rows, words=("severity", "what to do"))
    for probe in report.shortcuts:
        if probe.findings:
            over = count(len(probe.findings), "finding")
            say(f"shortcut audit: {probe.title} alone reaches {measured(probe.auroc)} mean AUROC over {over}")
    for title in report.passed:
        # What was asked for is answered, where all is well, too.
        if ": " in title:
            say(title)
    n_problems = report.count("error") + report.count("warning")
    noted = count(report.count("note"), "note")
    say(f"{count(report.count('error'), 'error')}, {count(report.count('warning'), 'warning')}, {noted}")
    if not n_problems:
        say("nothing that would make a number wrong was found")


def _next(source: Path, report: "DoctorReport", proposal: Path) -> None:
    from hilum.data import proposed_exclusions

    excluded = proposal.with_name("excluded.csv")
    if proposal != excluded:
        why = "it was edited" if report.n_opened else "it was edited, or films were opened for it"
        say(f"{excluded.name} is kept as it is, since {why}; what is proposed now stands in {proposal.name}")
    n_excluded = len(proposed_exclusions(report))
    if not n_excluded:
        return
    say(f"{count(n_excluded, 'film')} proposed to be left out; delete a line of excluded.csv to keep its film")
    if source.name.endswith(_MANIFEST_ENDING):
        follow(_leaving_out(source, excluded, is_split=_is_split(report)))


def _is_split(report: "DoctorReport") -> bool:
    return any(finding.split != "all" for finding in report.measurable)


def _leaving_out(source: Path, excluded: Path, *, is_split: bool) -> str:
    """Return the command that leaves films out, and keeps the split that the manifest has."""
    written = source.with_suffix(".split.json")
    if is_split and not written.is_file():
        return f"hilum data prepare {source} --exclude {excluded} --size 224 --out {source.with_suffix('.store')}"
    return f"hilum data split {source} {f'--from {written} ' if is_split else ''}--exclude {excluded}"


def _be_strict(report: "DoctorReport", accept: Sequence[str]) -> None:
    fatal = [check for check in report.checks if check.severity != "note"]
    strange = sorted(set(accept) - {check.code for check in fatal})
    if strange:
        known = ", ".join(check.code for check in fatal) or "none"
        complain(f"--accept {strange[0]}: no such error or warning was found (found: {known})")
    fatal = [check for check in fatal if check.code not in accept]
    for check in fatal:
        complain(_sentence(check))
    if fatal:
        raise typer.Exit(1)


def _sentence(check: "DoctorCheck") -> str:
    return f"{check.severity} {check.code}: {check.sentence} {check.fix}"


# --- films -----------------------------------------------------------------------------------------------------------


def _explain(paths: Sequence[Path], picture: Path | None, workers: int) -> None:
    from hilum.cli._film_words import accepted_lines, refused_lines
    from hilum.errors import ImageRefusedError
    from hilum.imaging import FilmReader
    from hilum.inference import collect_files

    files = collect_files(paths)
    if picture and len(files) > 1:
        raise InvalidValueError(f"--picture is for one film; {len(files):,} were named")
    if picture and picture.suffix != ".png":
        raise InvalidValueError(f"--picture {picture}: expected a file that ends in .png")
    n_refused = 0
    with FilmReader(workers=workers) as reader:
        for file in files:
            try:
                image = reader.read(file)
            except ImageRefusedError as error:
                n_refused += 1
                _print(file, refused_lines(error, reader, file))
                continue
            _print(file, accepted_lines(image.facts))
            if picture:
                _write_picture(picture, image.pixels)
    if len(files) > 1:
        say(f"{count(len(files) - n_refused, 'film')} accepted, {count(n_refused, 'film')} refused")
    if n_refused:
        raise typer.Exit(1)


def _print(file: Path, lines: Sequence[tuple[str, str]]) -> None:
    say(str(file), style="bold")
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        say(f"  {name:<{width}}  {text}")


def _write_picture(path: Path, pixels: "object") -> None:
    import numpy as np

    from hilum.imaging import write_png

    write_png(path, np.rint(np.asarray(pixels) * 255).astype(np.uint8))
    wrote(path)
