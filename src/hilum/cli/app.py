"""All verbs under one roof: errors as sentences, exit codes 0 done, 1 failed, 2 wrong usage."""

import os
import re
import shlex
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from hilum import __version__
from hilum.cli._terminal import complain, say
from hilum.cli.compare import compare
from hilum.cli.data_deidentify import deidentify
from hilum.cli.data_describe import describe
from hilum.cli.data_doctor import doctor
from hilum.cli.data_get import get
from hilum.cli.data_import import IMPORTS
from hilum.cli.data_import_dicom import import_dicom
from hilum.cli.data_merge import merge
from hilum.cli.data_phantom import phantom
from hilum.cli.data_prepare import prepare
from hilum.cli.data_split import split
from hilum.cli.demo import demo
from hilum.cli.evaluate import evaluate
from hilum.cli.explain import explain
from hilum.cli.learning_curve import learning_curve
from hilum.cli.localise import localise
from hilum.cli.predict import predict
from hilum.cli.report import report
from hilum.cli.runs import list_all, show, sync, ui
from hilum.cli.train import train
from hilum.errors import HilumError, UnknownNameError

__all__ = ["app", "main"]

_STOPPED = 130
_RESUMED = {
    ("data", "get"): "the same command",
    ("data", "prepare"): "the same command",
    ("learning-curve",): "the same command",
    ("train",): "the same command with --resume",
}
"""Verbs that keep what they did, and what goes on with it."""

_NOT_ONE_OF = re.compile(r"(?:value error, )?'(?P<value>.*)' is not one of (?P<names>'.*')\.?", re.IGNORECASE)


class _Verbs(TyperGroup):
    """Verbs whose options say the nearest word, as every other error of hilum does."""

    def invoke(self, *context: Any) -> Any:  # noqa: ANN401 - typer has its contexts from click or from itself
        """Run the verb that was named."""
        try:
            return super().invoke(*context)
        except typer.BadParameter as error:
            error.message = _with_nearest(error.message)
            raise


def _with_nearest(message: str) -> str:
    found = _NOT_ONE_OF.fullmatch(message)
    if not found:
        return message
    return str(UnknownNameError("value", found["value"], re.findall(r"'([^']*)'", found["names"])))


def _group(sentence: str) -> typer.Typer:
    return typer.Typer(
        cls=_Verbs,
        help=sentence,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


app = _group("Chest films into answers one can trust. Not a medical device.")
_data = _group("Labels and films: import, merge, split, prepare, describe, phantoms.")
_import = _group("Labels and films of a data set into one manifest.")
_runs = _group("What was trained so far.")

for _name, _verb in IMPORTS.items():
    _import.command(_name)(_verb)
_import.command("dicom")(import_dicom)
_data.command("get")(get)
_data.add_typer(_import, name="import")
_data.command("merge")(merge)
_data.command("deidentify")(deidentify)
_data.command("doctor")(doctor)
_data.command("split")(split)
_data.command("prepare")(prepare)
_data.command("describe")(describe)
_data.command("phantom")(phantom)
_runs.command("list")(list_all)
_runs.command("show")(show)
_runs.command("ui")(ui)
_runs.command("sync")(sync)
app.add_typer(_data, name="data")
app.command("train")(train)
app.command("evaluate")(evaluate)
app.command("compare")(compare)
app.command("learning-curve")(learning_curve)
app.command("predict")(predict)
app.command("explain")(explain)
app.command("localise")(localise)
app.command("report")(report)
app.add_typer(_runs, name="runs")
app.command("demo")(demo)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        arguments: The words after ``hilum``; those of the process by default.

    Returns:
        0 done, 1 failed (the reason is on stderr), 2 wrong usage, 130 stopped by Ctrl-C. An error that
        hilum did not foresee keeps its traceback.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        app(args=words, prog_name="hilum", obj=shlex.join(["hilum", *words]))
    except HilumError as error:
        complain(str(error))
        return 1
    except OSError as error:
        complain(_about_file(error))
        return 1
    except SystemExit as end:
        return _exit_code(end, words)
    return 0


def _about_file(error: OSError) -> str:
    """Say what the operating system did not allow."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}. Is the path right, and may this user use it?"


def _exit_code(end: SystemExit, words: Sequence[str]) -> int:
    if end.code == _STOPPED:
        named = [word for word in words if not word.startswith("-") and not word.isdecimal()]
        how = next((again for verb, again in _RESUMED.items() if tuple(named[: len(verb)]) == verb), "")
        complain(f"stopped; {how} goes on where it was" if how else "stopped")
    return end.code if isinstance(end.code, int) else int(end.code is not None)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"hilum {__version__}")
        raise typer.Exit


@app.callback()
def _settings(
    threads: Annotated[int, typer.Option(min=0, help="Threads for computing; 0 takes what the machine has.")] = 0,
    version: Annotated[  # noqa: ARG001 - the callback prints it
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    if threads:
        # Read by the numerical libraries when they load, which no verb has done yet.
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ[name] = str(threads)
