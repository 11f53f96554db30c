"""``hilum compare``: which of several models orders the same films better."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli._terminal import count, follow, say, table, wrote

if TYPE_CHECKING:
    from hilum.records import Comparison, Interval, ModelPair

__all__ = ["compare"]

_SMALLEST_P = 0.001


def compare(
    context: typer.Context,
    models: Annotated[
        list[Path],
        typer.Argument(help="Two or more: run folders (evaluated), or CSV files of probabilities.", metavar="A B [C]…"),
    ],
    labels: Annotated[
        Path | None,
        typer.Option(help="Labels for all of them: NIH's file, a manifest, another set's. A run brings its own."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for comparison.json and comparison.html.")] = None,
    bootstrap: Annotated[
        int, typer.Option(min=0, help="Resamples of the patients, for the intervals; 0 for none.")
    ] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the resamples.")] = 0,
) -> None:
    """Compare models on the same films: differences of AUROC with paired intervals by patient, corrected by Holm."""
    from hilum.evaluation import compare_models

    comparison = compare_models(models, labels=labels, bootstrap=bootstrap, seed=seed, command=str(context.obj))
    for pair in comparison.pairs:
        _show_pair(comparison, pair)
    for warning in comparison.warnings:
        say(f"mind: {warning}")
    say(f"{count(comparison.pedigree.n_images, 'film')} that all models answered")
    if out is None:
        follow("the same with --out DIR writes comparison.json and comparison.html")
        return
    from hilum.reporting import write_comparison
    from hilum.runs import write_text

    write_text(out / "comparison.json", comparison.to_json())
    wrote(out / "comparison.json", write_comparison(out / "comparison.html", comparison))


def _show_pair(comparison: "Comparison", pair: "ModelPair") -> None:
    aurocs = {model.name: model for model in comparison.models}
    first, second = aurocs[pair.first], aurocs[pair.second]
    rows: list[Sequence[str]] = [
        (
            name.replace("_", " "),
            _number(first.auroc[name].value),
            _number(second.auroc[name].value),
            _difference(found.difference),
            _p(found.p_value),
            _p(found.p_holm),
            f"{first.auroc[name].n_positive:,}",
        )
        for name, found in pair.findings.items()
    ]
    mean = (f"mean of {pair.mean.n_findings}", _number(first.mean.value), _number(second.mean.value))
    rows.append((*mean, _difference(pair.mean), "", "", ""))
    table(("AUROC", pair.first, pair.second, "difference (95 %)", "p", "p (Holm)", "films"), rows)
    say(pair.sentence, style="bold")


def _number(value: float) -> str:
    return "–" if value != value else f"{value:.3f}"


def _difference(value: "Interval") -> str:
    if value.value != value.value:
        return "–"
    return f"{value.value:+.3f}" + (f" ({value.low:+.3f} to {value.high:+.3f})" if value.low == value.low else "")


def _p(value: float) -> str:
    if value != value:
        return "–"
    return f"< {_SMALLEST_P}" if value < _SMALLEST_P else f"{value:.3f}"
