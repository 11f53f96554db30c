"""``hilum predict``: answers for films."""

import csv
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from hilum.cli._terminal import complain, count, progress, say, table, wrote
from hilum.errors import InvalidValueError
from hilum.findings import get_finding

if TYPE_CHECKING:
    from hilum.records import BundleSpec, Prediction

__all__ = ["predict"]


def predict(
    films: Annotated[list[Path], typer.Argument(help="Films or folders: PNG, JPEG, TIFF, DICOM.")],
    bundle: Annotated[Path, typer.Option(help="The bundle that answers.")],
    out: Annotated[
        Path | None, typer.Option(help="A .csv or .jsonl file; otherwise a table, or JSON lines in a pipe.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Show absent findings in the table, too.")] = False,
) -> None:
    """Score, probability, threshold and call for every finding on every film. Not a medical device."""
    from hilum.inference import Predictor, collect_files
    from hilum.models import load_bundle

    if out and out.suffix not in {".csv", ".jsonl"}:
        raise InvalidValueError(f"--out {out}: expected a file that ends in .csv or .jsonl")
    files = collect_files(films)
    predictor = Predictor(load_bundle(bundle))
    n_answered = 0
    with (
        progress(f"predicting {count(len(files), 'film')}") as on_progress,
        _writer(out, predictor.bundle.spec, all_) as write,
    ):
        for prediction in predictor.predict_files(files, on_progress=on_progress):
            write(prediction)
            n_answered += prediction.status == "answered"
    if predictor.bundle.spec.phantom:
        complain("This bundle was trained on phantoms, which are made-up films: it knows nothing about people.")
    if n_answered < len(files):
        complain(
            f"{count(len(files) - n_answered, 'film')} of {len(files):,} not answered; the reason stands with each"
        )
    if out:
        wrote(out)
    if n_answered == 0:
        raise typer.Exit(1)


Write = Callable[["Prediction"], None]


@contextmanager
def _writer(out: Path | None, spec: "BundleSpec", everything: bool) -> Iterator[Write]:
    """Give what takes a prediction and writes it where it belongs; files appear whole or not at all."""
    if out is None:
        yield (lambda prediction: _show(prediction, spec, everything)) if _on_a_terminal() else _print_line
        return
    from hilum.runs import atomic_path

    with atomic_path(out) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        yield _csv_writer(stream, tuple(spec.findings)) if out.suffix == ".csv" else _line_writer(stream)


def _on_a_terminal() -> bool:
    return sys.stdout.isatty()


def _csv_writer(stream: TextIO, findings: tuple[str, ...]) -> Write:
    writer = csv.writer(stream, lineterminator="\n")
    parts = ("score", "probability", "call")
    writer.writerow(
        ["image_id", "path", "status", "reason", *(f"{part}_{name}" for part in parts for name in findings)]
    )
    return lambda prediction: writer.writerow(prediction.row(findings).values())


def _line_writer(stream: TextIO) -> Write:
    return lambda prediction: print(prediction.model_dump_json(), file=stream)


def _print_line(prediction: "Prediction") -> None:
    typer.echo(prediction.model_dump_json())


def _show(prediction: "Prediction", spec: "BundleSpec", everything: bool) -> None:
    if prediction.status == "refused":
        say(f"{prediction.image_id}   not answered: {prediction.reason}")
        say(f"  {prediction.advice}")
        return
    say(f"{prediction.image_id}   {_facts(prediction)}")
    ranked = sorted(prediction.findings.items(), key=lambda item: (item[1].call != "present", -item[1].probability))
    rows = []
    for name, answer in ranked:
        if not everything and answer.call == "absent":
            continue
        rule = spec.findings[name]
        rows.append(
            (
                get_finding(name).title,
                f"{answer.score:.3f}",
                f"{answer.probability:.1%}",
                f"{answer.threshold:.1%}" if answer.call else "–",
                answer.call or "no call",
                _meaning(rule.sensitivity.value, rule.specificity.value) if answer.call else rule.reason,
            )
        )
    if rows:
        table(
            ("finding", "score", "probability", "threshold", "call", "on validation"),
            rows,
            words=("call", "on validation"),
        )
    n_absent = sum(answer.call == "absent" for answer in prediction.findings.values())
    if not everything and n_absent:
        say(f"{count(n_absent, 'finding')} absent (--all shows them)")


def _facts(prediction: "Prediction") -> str:
    facts = prediction.facts
    if facts is None:
        return ""
    parts = [
        facts.modality or facts.file_format.upper(),
        facts.view,
        f"{facts.width_px}×{facts.height_px}",
        "MONOCHROME1 → inverted" if facts.inverted else "",
        facts.window,
        *facts.flags,
    ]
    return " · ".join(part for part in parts if part)


def _meaning(sensitivity: float, specificity: float) -> str:
    """Say what the call is worth, as far as validation can tell."""
    found = "" if sensitivity != sensitivity else f"finds {10 * sensitivity:.0f} of 10"
    called = "" if specificity != specificity else f"calls {10 * (1 - specificity):.0f} of 10 others"
    return ", ".join(filter(None, (found, called)))
