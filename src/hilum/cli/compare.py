"""``hilum compare``: which of several models orders the same films better."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli._terminal import follow, mind, say, table, wrote
from hilum.findings import title_of
from hilum.wording import DASH, count, fixed, measured

if TYPE_CHECKING:
    from hilum.records import ComparedModel, Comparison, ModelPair

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
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resamples.")] = 0,
) -> None:
    """Compare models on the same films: AUROC and more, with paired intervals by patient, corrected by Holm."""
    from hilum.evaluation import compare_models

    comparison = compare_models(models, labels=labels, bootstrap=bootstrap, seed=seed, command=str(context.obj))
    for pair in comparison.pairs:
        _show_pair(comparison, pair)
    mind(comparison.warnings)
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
            title_of(name),
            fixed(first.auroc[name].value),
            fixed(second.auroc[name].value),
            measured(found.difference, difference=True),
            _p(found.p_value),
            _p(found.p_holm),
            f"{first.auroc[name].n_positive:,}",
        )
        for name, found in pair.findings.items()
    ]
    mean = (f"mean of {pair.mean.n_findings}", fixed(first.mean.value), fixed(second.mean.value))
    rows.append((*mean, measured(pair.mean, difference=True), "", "", ""))
    table(("AUROC", pair.first, pair.second, "difference (95 %)", "p", "p (Holm)", "films"), rows)
    _show_measures(pair, first, second)
    say(pair.sentence, style="bold")


def _show_measures(pair: "ModelPair", first: "ComparedModel", second: "ComparedModel") -> None:
    """Print the other measures, a row each: means, their difference, and for how many findings it lasts."""
    from hilum.records import COMPARED_MEASURES

    rows = [
        (
            COMPARED_MEASURES[name],
            fixed(first.measures[name].mean.value),
            fixed(second.measures[name].mean.value),
            measured(found.mean, difference=True),
            f"{found.n_lasting} of {found.mean.n_findings}",
        )
        for name, found in pair.measures.items()
    ]
    table(("mean of", pair.first, pair.second, "difference (95 %)", "findings that last"), rows)


def _p(value: float) -> str:
    if value != value:
        return DASH
    return f"< {_SMALLEST_P}" if value < _SMALLEST_P else f"{value:.3f}"
