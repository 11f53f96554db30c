"""``hilum predict``: answers for films."""

import csv
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from hilum.cli._prevalence import parse_prevalences
from hilum.cli._terminal import complain, progress, say, table, wrote
from hilum.errors import InvalidValueError
from hilum.findings import title_of
from hilum.wording import count

if TYPE_CHECKING:
    from hilum.records import BundleSpec, FindingAnswer, FindingRule, Prediction

__all__ = ["predict"]


def predict(
    films: Annotated[list[Path], typer.Argument(help="Films or folders: PNG, JPEG, TIFF, DICOM.")],
    bundle: Annotated[Path, typer.Option(help="The bundle that answers.")],
    out: Annotated[
        Path | None, typer.Option(help="A .csv or .jsonl file; otherwise a table, or JSON lines in a pipe.")
    ] = None,
    prevalence: Annotated[
        str, typer.Option(help="How common findings are where the films come from: Effusion=0.05,Mass=0.01.")
    ] = "",
    all_: Annotated[bool, typer.Option("--all", help="Show absent findings in the table, too.")] = False,
) -> None:
    """Probability, call and what the call means, for every finding on every film. Not a medical device."""
    from hilum.inference import Predictor, collect_files
    from hilum.models import load_bundle

    if out and out.suffix not in {".csv", ".jsonl"}:
        raise InvalidValueError(f"--out {out}: expected a file that ends in .csv or .jsonl")
    files = collect_files(films)
    predictor = Predictor(load_bundle(bundle), prevalences=parse_prevalences(prevalence))
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


_ORDER = {"present": 0, "refer": 1, None: 2, "absent": 3}

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
    from hilum.records import Prediction

    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(Prediction.header(findings))
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
    ranked = sorted(prediction.findings.items(), key=lambda item: (_ORDER[item[1].call], -item[1].probability))
    rows = [
        (
            title_of(name),
            f"{answer.score:.3f}",
            f"{answer.probability:.1%}{_interval(answer)}",
            answer.call or "no call",
            _meaning(answer, spec.findings[name]),
        )
        for name, answer in ranked
        if everything or answer.call != "absent"
    ]
    if rows:
        table(("finding", "score", "probability", "call", "what it means"), rows, words=("call", "what it means"))
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


def _interval(answer: "FindingAnswer") -> str:
    known = answer.low == answer.low
    return f" ({100 * answer.low:.1f} to {100 * answer.high:.1f})" if known else ""


def _meaning(answer: "FindingAnswer", rule: "FindingRule") -> str:
    """Say what the call is worth where the finding is as common as the answer's prevalence says."""
    if answer.call is None:
        return rule.reason
    look = "a person should look" if answer.call == "refer" else ""
    share = answer.call_share
    known = "" if share != share else f"{_of_films(share)} called so {'has' if _is_one(share) else 'have'} it"
    where = f" (where {_percent(answer.prevalence)} have it)" if known else ""
    return ": ".join(filter(None, (look, known + where)))


def _of_films(share: float) -> str:
    """Return a share as a count of films that is not 0 of 100 where it is a few of 1,000."""
    return f"{100 * share:.0f} of 100" if share == 0 or share >= 0.0095 else f"{1000 * share:.0f} of 1,000"


def _is_one(share: float) -> bool:
    return _of_films(share).startswith("1 ")


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.0995 else f"{100 * share:.0f} %"
