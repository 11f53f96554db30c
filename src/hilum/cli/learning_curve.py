"""``hilum learning-curve``: how much better a model would be with more films."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from hilum.cli._terminal import mind, say, table, wrote
from hilum.errors import InvalidValueError
from hilum.findings import title_of
from hilum.wording import count, fixed, measured

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from jaxtyping import Int64

    from hilum.data import Manifest, PixelStore
    from hilum.evaluation import TrainedPart
    from hilum.records import GrowthCurve, LearningCurve
    from hilum.runs import Run
    from hilum.training import Recipe

__all__ = ["learning_curve"]

_Value = TypeVar("_Value", int, float)


def learning_curve(
    context: typer.Context,
    manifest: Annotated[Path, typer.Option(help="The manifest, split.")],
    store: Annotated[Path, typer.Option(help="The pixel store.")],
    out: Annotated[Path, typer.Option(help="Folder for the runs, learning_curve.json and learning_curve.html.")],
    recipe: Annotated[str, typer.Option(help="A recipe's name (`hilum train --list`) or a YAML file.")] = "real-cpu",
    fractions: Annotated[
        str, typer.Option(help="Shares of the training patients, with commas; three or more for a law.")
    ] = "0.125,0.25,0.5,1",
    seeds: Annotated[
        str, typer.Option(help="Seeds of patients and training, with commas: a run each per share.")
    ] = "0",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of the recipe; may be given again."),
    ] = None,
    bootstrap: Annotated[
        int, typer.Option(min=0, help="Resamples of validation patients and seeds, for the intervals; 0 for none.")
    ] = 200,
) -> None:
    """Train on nested parts of the training patients, judge on validation, and say what twice the films would bring.

    Every part is a run folder; the same command goes on where it stopped.
    """
    shares = _numbers(fractions, float, "--fractions")
    if not all(0 < share <= 1 for share in shares):
        raise InvalidValueError(f"--fractions are shares above 0 and at most 1, with commas; got {fractions!r}")
    chosen = _numbers(seeds, int, "--seeds")
    from hilum.data import PixelStore, read_manifest
    from hilum.evaluation import Origin, measure_growth
    from hilum.reporting import write_learning_curve
    from hilum.runs import write_text
    from hilum.training import load_recipe

    plan, films, pixels = load_recipe(recipe, overrides=set_ or ()), read_manifest(manifest), PixelStore(store)
    judged = _judged_rows(films, pixels)
    course = _Course(films, pixels, plan, out, judged)
    places = [(share, seed) for share in shares for seed in chosen]
    parts = []
    for number, (share, seed) in enumerate(places, start=1):
        say(f"part {number}/{len(places)}: {share:g} of the training patients, seed {seed}")
        parts.append(course.train_part(share, seed))
    findings = course.findings
    curve = measure_growth(
        parts,
        films.targets_for(findings, judged.rows).astype(float),
        films.table["patient_id"].to_numpy(dtype=str)[judged.rows],
        findings=findings,
        origin=Origin(
            title=f"{plan.name} on {films.source}",
            command=str(context.obj),
            data_digest=films.digest,
            split="validation",
            split_digest=films.split_digest,
            phantom=films.phantom,
        ),
        bootstrap=bootstrap,
    )
    _show(curve)
    write_text(out / "learning_curve.json", curve.to_json())
    wrote(out / "learning_curve.json", write_learning_curve(out / "learning_curve.html", curve))


@dataclass(frozen=True)
class _Judged:
    """The validation films: rows of the manifest, and of the store."""

    rows: "Int64[np.ndarray, ' image']"
    in_store: "Int64[np.ndarray, ' image']"


def _judged_rows(films: "Manifest", pixels: "PixelStore") -> _Judged:
    rows = films.rows("validation")
    if not len(rows):
        raise InvalidValueError(
            "the manifest has no validation film, on which the parts are judged: `hilum data split` makes splits"
        )
    in_store = pixels.rows_of(films.table["image_id"].to_numpy(dtype=object)[rows])
    return _Judged(rows[in_store >= 0], in_store[in_store >= 0])


@dataclass(frozen=True)
class _Course:
    """What all parts have in common."""

    films: "Manifest"
    pixels: "PixelStore"
    plan: "Recipe"
    out: Path
    judged: _Judged

    @property
    def findings(self) -> tuple[str, ...]:
        """What the models answer for."""
        return self.plan.findings or self.films.findings

    def train_part(self, share: float, seed: int) -> "TrainedPart":
        """Train one part, or go on with it, and let its model answer the validation films."""
        from hilum.cli._study import train_run
        from hilum.data import nested_part
        from hilum.evaluation import TrainedPart
        from hilum.inference import Predictor
        from hilum.runs import Run

        part = nested_part(self.films, fraction=share, seed=seed)
        training = self.plan.training.model_copy(update={"seed": seed})
        recipe = self.plan.model_copy(update={"training": training})
        folder = self.out / f"part-{share:g}-seed-{seed}"
        with Run.create(folder, resume=folder.is_dir()) as run:
            bundle = train_run(run, part, self.pixels, recipe, tracker="none")
        rows = part.rows("train")
        there = rows[self.pixels.rows_of(part.table["image_id"].to_numpy(dtype=object)[rows]) >= 0]
        return TrainedPart(
            fraction=share,
            seed=seed,
            n_images=len(there),
            n_patients=part.table["patient_id"].iloc[there].nunique(),
            scores=Predictor(bundle).logits_from_store(self.pixels, self.judged.in_store),
            bundle_digest=bundle.digest,
            cut_short=_best_at_the_end(run),
        )


def _best_at_the_end(run: "Run") -> bool:
    events = list(run.journal.read())
    end = next(event for event in events if event["kind"] == "end")
    last = [event["epoch"] for event in events if event["kind"] == "epoch"][-1]
    return bool(end["best_epoch"] == last)


def _numbers(text: str, kind: "Callable[[str], _Value]", option: str) -> list[_Value]:
    """Return the numbers of a list with commas, rising, each once."""
    try:
        numbers = sorted({kind(word) for word in text.split(",")})
    except ValueError:
        raise InvalidValueError(f"{option} takes numbers with commas between them, got {text!r}") from None
    if numbers[0] < 0:
        raise InvalidValueError(f"{option} takes numbers of at least 0, got {text!r}")
    return numbers


def _show(curve: "LearningCurve") -> None:
    sizes = [f"{size:,.0f} films" for size in curve.n_images]
    rows: list[Sequence[str]] = [_row(title_of(name), found) for name, found in curve.findings.items()]
    rows.append(_row(f"mean of {len(curve.mean_findings)}", curve.mean))
    table(("AUROC", *sizes, "doubling brings (95 %)"), rows)
    for name, found in (*curve.findings.items(), ("the mean", curve.mean)):
        if found.law.doubling.reason:
            say(f"no law for {title_of(name)}: {found.law.doubling.reason}")
    say(curve.sentence, style="bold")
    mind(curve.warnings)
    say(f"judged on {count(curve.pedigree.n_images, 'validation film')}, never on test films")


def _row(name: str, found: "GrowthCurve") -> Sequence[str]:
    points = [fixed(point.value) for point in found.auroc]
    return (name, *points, measured(found.law.doubling, difference=True))
