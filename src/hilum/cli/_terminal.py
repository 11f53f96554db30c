"""What a person sees: lines, tables, progress with time left.

Answers go to stdout; progress and errors go to stderr, so that a pipe gets answers only.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from hilum.records import RedFlag

__all__ = [
    "OnProgress",
    "clock",
    "complain",
    "follow",
    "mind",
    "progress",
    "say",
    "show_flags",
    "spark",
    "table",
    "wrote",
]

_WIDTH_WITHOUT_TERMINAL = 160
_ONE_LINE = 100
_SECONDS_BETWEEN_LINES = 30.0
_UNSEEN = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (
        *range(9),
        *range(11, 32),
        *range(127, 160),
        0x200E,
        0x200F,
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    )
}
"""Signs that a terminal obeys instead of showing them; a file's name may hold any."""
_NOTHING = "nothing was left to do"
_BLOCKS = "▁▂▃▄▅▆▇█"


class OnProgress(Protocol):
    """Is told how far something is; may give it another label on the way."""

    def __call__(self, done: int, total: int, label: str = "", /) -> None:
        """Show ``done`` of ``total``."""
        ...


def say(text: str = "", *, style: str = "") -> None:
    """Print one line of an answer, indented by a blank."""
    _console().print(f" {_shown(text)}" if text else "", style=style or None)


def complain(text: str) -> None:
    """Print a sentence to stderr."""
    _console(stderr=True).print(f" {_shown(text)}")


def show_flags(flags: "Iterable[RedFlag]") -> None:
    """Print what makes the numbers that follow unbelievable."""
    for flag in flags:
        say(f"RED FLAG {flag.code}: {flag.sentence}", style="bold red")


def mind(warnings: Iterable[str]) -> None:
    """Print what the numbers above cannot say."""
    for warning in warnings:
        say(f"mind: {warning}")


def wrote(*paths: Path) -> None:
    """Name the files just written, one a line."""
    for path in paths:
        say(f"wrote {path}")


def follow(*commands: str) -> None:
    """Name the commands that make sense next, on one line where they fit."""
    line = "   ·   ".join(commands)
    for place, text in enumerate([line] if len(line) <= _ONE_LINE else commands):
        say(f"{'      ' if place else 'next: '}{text}", style="bold")


def clock(seconds: float) -> str:
    """Return ``0:21``, ``12:05`` or ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def spark(values: Sequence[float]) -> str:
    """Draw a line of values in one row of characters; undefined ones are blank, nothing for no values."""
    known = [value for value in values if value == value]
    if not known:
        return ""
    low, span = min(known), (max(known) - min(known)) or 1.0
    top = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round((value - low) / span * top)] if value == value else " " for value in values)


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, words: Sequence[str] = ()) -> None:
    """Print rows under a header; the first column and those named in ``words`` are set left, numbers right."""
    grid = Table(box=None, padding=(0, 1, 0, 1), header_style="bold")
    for place, name in enumerate(header):
        wide = place == len(header) - 1 and name in words
        grid.add_column(name, justify="left" if place == 0 or name in words else "right", no_wrap=not wide)
    for row in rows:
        grid.add_row(*map(_shown, row))
    _console().print(grid)


@contextmanager
def progress(label: str, *, transient: bool = False) -> Iterator[OnProgress]:
    """Give ``on_progress(done, total)`` that shows how far it is and the time left.

    A bar on a terminal; elsewhere a line every thirty seconds and one at the end.

    Args:
        label: What is being done.
        transient: Leave nothing behind: the bar is taken away, the line at the end is not printed.
    """
    console = _console(stderr=True)
    if console.is_terminal:
        with Progress(
            TextColumn(" {task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("time left"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=console,
            transient=transient,
        ) as bar:
            shown = _Bar(bar, label)
            yield shown
            shown.finish()
    else:
        lines = _Lines(label)
        yield lines
        if not transient:
            lines.finish()


class _Bar:
    """Progress as a bar."""

    def __init__(self, bar: Progress, label: str) -> None:
        self._bar = bar
        self._task = bar.add_task(label, total=None)
        self._label, self._idle = label, True

    def finish(self) -> None:
        if self._idle:
            self._bar.update(self._task, completed=0, total=0, description=f"{self._label}: {_NOTHING}")

    def __call__(self, done: int, total: int, label: str = "", /) -> None:
        self._idle = False
        self._bar.update(self._task, completed=done, total=total, description=label or None)


class _Lines:
    """Progress as plain lines, for logs."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._done = self._total = 0
        self._before: int | None = None
        self._started = self._counted = self._printed = time.monotonic()

    def __call__(self, done: int, total: int, label: str = "", /) -> None:
        if self._before is None:
            # What an earlier process did took none of this one's time.
            self._before, self._counted = done, time.monotonic()
        self._done, self._total, self._label = done, total, label or self._label
        now = time.monotonic()
        if self._before < done < total and now - self._printed >= _SECONDS_BETWEEN_LINES:
            self._printed = now
            left = (now - self._counted) / (done - self._before) * (total - done)
            complain(f"{self._label}  {done:,}/{total:,}  time left {clock(left)}")

    def finish(self) -> None:
        if self._before is None:
            complain(f"{self._label}: {_NOTHING}")
            return
        complain(f"{self._label}  {self._done:,}/{self._total:,}  {clock(time.monotonic() - self._started)}")


def _shown(text: str) -> str:
    return text.translate(_UNSEEN)


def _console(*, stderr: bool = False) -> Console:
    console = Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = _WIDTH_WITHOUT_TERMINAL
    return console
