"""``hilum train``: a manifest, a store and a recipe become a bundle."""

from pathlib import Path
from typing import Annotated

import typer

from hilum.cli._terminal import follow, say, table, wrote
from hilum.errors import InvalidValueError
from hilum.wording import count

__all__ = ["train"]


def train(
    manifest: Annotated[Path | None, typer.Option(help="The manifest, split.")] = None,
    store: Annotated[Path | None, typer.Option(help="The pixel store.")] = None,
    recipe: Annotated[str, typer.Option(help="A recipe's name (--list shows them) or a YAML file.")] = "real-cpu",
    out: Annotated[Path | None, typer.Option(help="The run folder; runs/<recipe> by default.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of the recipe; may be given again."),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(help="Start weights: none, pretrained (timm downloads them), a .safetensors file, or a bundle."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    tracker: Annotated[
        str, typer.Option(help="mlflow, none, or auto: mlflow where it is installed. Training never waits for it.")
    ] = "auto",
    list_: Annotated[bool, typer.Option("--list", help="Show the recipes and stop.")] = False,
) -> None:
    """Train a model; checkpoint, calibration and thresholds are chosen on validation."""
    if list_:
        return _list()
    if not manifest or not store:
        raise InvalidValueError("training needs --manifest and --store: `hilum data` makes both")
    from hilum.cli._study import train_run
    from hilum.data import PixelStore, read_manifest
    from hilum.runs import Run
    from hilum.training import load_recipe

    plan = load_recipe(recipe, overrides=[*(set_ or ()), *([f"model.init={init}"] if init else [])])
    films, pixels = read_manifest(manifest), PixelStore(store)
    folder = out or Path("runs") / plan.name
    with Run.create(folder, resume=resume) as run:
        ended = any(event["kind"] == "end" for event in run.journal.read())
        bundle = train_run(run, films, pixels, plan, tracker=tracker)
    if ended:
        say(f"the run {folder} was trained to its end before")
    say(f"bundle of {count(len(bundle.findings), 'finding')}, digest {bundle.digest[:12]}")
    wrote(bundle.folder)
    follow(f"hilum evaluate --run {folder} --manifest {manifest} --store {store}")
    return None


def _list() -> None:
    from hilum.training import list_recipes

    rows = [
        (name, recipe.model.backbone, f"{recipe.size_px}", f"{recipe.training.epochs}", recipe.about)
        for name, recipe in list_recipes().items()
    ]
    table(("recipe", "backbone", "px", "epochs", "about"), rows, words=("backbone", "about"))
