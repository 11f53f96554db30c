"""A tracker in memory that can be told to fail, and a script runner for what needs a process of its own."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from hilum.errors import RunError
from hilum.runs import Run


class MemoryDestination:
    """Keeps what it is sent. ``failures`` holds errors to raise, one per call, before anything is taken."""

    def __init__(self, *, is_local: bool = True) -> None:
        self.name = "memory"
        self.is_local = is_local
        self.failures: list[Exception | None] = []
        self.runs: dict[str, dict] = {}
        self.calls: list[str] = []

    def _call(self, name: str) -> None:
        self.calls.append(name)
        error = self.failures.pop(0) if self.failures else None
        if error:
            raise error

    def open_run(self, known_id, *, name, key, started_ms):
        self._call("open_run")
        if known_id in self.runs:
            return known_id
        for run_id, run in self.runs.items():
            if run["key"] == key:
                return run_id
        run_id = f"id-{self.calls.count('open_run')}"
        self.runs[run_id] = {
            "name": name,
            "key": key,
            "started_ms": started_ms,
            "status": "RUNNING",
            "params": {},
            "tags": {},
            "metrics": {},
            "files": {},
            "times_sent": [],
        }
        return run_id

    def log(self, run_id, shipment):
        self._call("log")
        run = self.runs[run_id]
        run["params"] |= shipment.params
        run["tags"] |= shipment.tags
        run["times_sent"].append(shipment.time_ms)
        for name, value in shipment.metrics.items():
            run["metrics"][name, shipment.step] = value

    def log_file(self, run_id, path, folder):
        self._call("log_file")
        self.runs[run_id]["files"][f"{folder}/{path.name}".lstrip("/")] = path.read_bytes()

    def mark(self, run_id, status, ended_ms):
        self._call(f"mark {status}")
        self.runs[run_id]["status"] = status
        self.runs[run_id]["ended_ms"] = ended_ms


@pytest.fixture
def destination() -> MemoryDestination:
    return MemoryDestination()


@pytest.fixture
def make_destination():
    return MemoryDestination


@pytest.fixture
def down() -> RunError:
    return RunError("MLflow is down")


@pytest.fixture
def run(tmp_path):
    with Run.create(tmp_path / "runs" / "demo") as run:
        yield run


@pytest.fixture
def add_events():
    """Append what a training of two epochs writes, without its end."""

    def add(run: Run) -> None:
        run.journal.append(
            "start",
            recipe={"name": "small", "findings": ["Mass", "Hernia"], "training": {"epochs": 2, "patience": None}},
            manifest_digest="m" * 64,
            split_digest="s" * 64,
            store_digest="t" * 64,
            versions={"hilum": "0.1.0", "commit": "c" * 40, "timm": ""},
            n_train=70,
            n_validation=30,
            n_absent=0,
            start_weights={"source": "none", "matched": 0, "head_missing": [], "unused": [], "licence": ""},
        )
        for epoch in (1, 2):
            run.journal.append(
                "epoch",
                epoch=epoch,
                epochs=2,
                train_loss=1 / epoch,
                validation_loss=None,
                validation_auroc=0.5 + epoch / 10,
                auroc={"Mass": 0.5 + epoch / 10, "Hernia": None},
                learning_rate=1e-3,
                images_per_second=50.0,
                seconds=2.0,
                skipped_steps=0,
                best=True,
            )

    return add


@pytest.fixture
def start_script():
    """Start a Python script in a process of its own, its output on a pipe; all are killed in the end."""
    started = []

    def start(script: str, *arguments: object) -> subprocess.Popen:
        command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def run_script(start_script):
    """Run a Python script to its end; return what it printed."""

    def run_to_end(script: str, *arguments: object) -> str:
        process = start_script(script, *arguments)
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        return output

    return run_to_end


@pytest.fixture
def stand_in() -> Path:
    """A follower that ships into a JSON file instead of MLflow."""
    return Path(__file__).with_name("stand_in_follower.py")
