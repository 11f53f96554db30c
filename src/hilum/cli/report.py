"""``hilum report``: one self-contained HTML file about a run or an evaluation."""

from pathlib import Path
from typing import Annotated

import typer

from hilum.cli._terminal import wrote
from hilum.errors import RunError

__all__ = ["report"]


def report(
    source: Annotated[Path, typer.Argument(help="A run folder that was evaluated, or an evaluation.json.")],
    out: Annotated[Path | None, typer.Option(help="The HTML file; beside the source by default.")] = None,
) -> None:
    """Write the report anew from what was measured; nothing is computed again, so the gallery is left out."""
    from hilum.records import Evaluation
    from hilum.reporting import write_report
    from hilum.runs import Run

    if source.is_dir():
        run = Run.open(source)
        if not run.evaluation_path.is_file():
            raise RunError(f"{source} was not evaluated yet: `hilum evaluate --run {source} --manifest … --store …`")
        evaluation = Evaluation.from_json(run.evaluation_path.read_bytes(), source=str(run.evaluation_path))
        history = [event for event in run.journal.read() if event["kind"] == "epoch"]
        page = write_report(out or run.report_path, evaluation, history=history, recipe=run.recipe_path.read_text())
    elif source.is_file():
        evaluation = Evaluation.from_json(source.read_bytes(), source=str(source))
        page = write_report(out or source.with_name("report.html"), evaluation)
    else:
        raise RunError(f"there is no {source}: name a run folder or an evaluation.json")
    wrote(page)
