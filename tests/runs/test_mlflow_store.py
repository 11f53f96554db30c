"""Against a small MLflow in memory; `test_tracker.py` does the same against the real one."""

import os
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import pytest

from hilum.errors import RunError, StorageError
from hilum.runs.mlflow_store import _SWITCHES, connect, local_store_uri
from hilum.runs.shipment import Shipment
from hilum.runs.shipping import RefusedError


class MlflowError(Exception):
    def __init__(self, text: str, error_code: str) -> None:
        super().__init__(text)
        self.error_code = error_code


class MemoryClient:
    def __init__(self, tracking_uri: str) -> None:
        if tracking_uri == "http://down":
            raise ConnectionError("connection refused\nand a long story")
        self.experiments, self.runs, self.batches, self.files, self.statuses = {}, {}, [], [], []

    def get_experiment_by_name(self, name):
        return self.experiments.get(name)

    def create_experiment(self, name, artifact_location=None):
        self.experiments[name] = SimpleNamespace(experiment_id="7", artifact_location=artifact_location)
        return "7"

    def create_run(self, experiment_id, *, start_time, tags, run_name):
        info = SimpleNamespace(run_id=f"r{len(self.runs)}", lifecycle_stage="active", run_name=run_name)
        run = SimpleNamespace(info=info, tags=tags, experiment_id=experiment_id, start_time=start_time)
        return self.runs.setdefault(info.run_id, run)

    def get_run(self, run_id):
        if run_id == "broken":
            raise MlflowError("database is locked", "TEMPORARILY_UNAVAILABLE")
        if run_id not in self.runs:
            raise MlflowError("no such run", "RESOURCE_DOES_NOT_EXIST")
        return self.runs[run_id]

    def search_runs(self, experiment_ids, filter_string, max_results):
        key = filter_string.split("'")[1]
        active = [run for run in self.runs.values() if run.info.lifecycle_stage == "active"]
        return [run for run in active if run.tags["hilum.journal"] == key][:max_results]

    def log_batch(self, run_id, **batch):
        for params in batch.get("params", []):
            if params[0] == "changed":
                raise MlflowError("Changing param values is not allowed", "INVALID_PARAMETER_VALUE")
        self.batches.append((run_id, batch))

    def log_artifact(self, run_id, local_path, artifact_path=None):
        self.files.append((run_id, local_path, artifact_path))

    def update_run(self, run_id, status):
        self.statuses.append((run_id, status))

    def set_terminated(self, run_id, status, end_time):
        self.statuses.append((run_id, status, end_time))


@pytest.fixture(autouse=True)
def _mlflow_in_memory(monkeypatch):
    modules = {name: ModuleType(name) for name in ("mlflow", "mlflow.entities", "mlflow.exceptions")}
    modules["mlflow"].MlflowClient = MemoryClient
    modules["mlflow.exceptions"].MlflowException = MlflowError
    for name in ("Metric", "Param", "RunTag"):
        setattr(modules["mlflow.entities"], name, lambda *values: values)
    for name, module in modules.items():
        module.__spec__ = ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)
    for name in _SWITCHES:
        monkeypatch.setenv(name, "the user's own")


@pytest.fixture
def store(tmp_path):
    return connect(local_store_uri(tmp_path))


def open_run(store, known_id="", key="k"):
    return store.open_run(known_id, name="demo", key=key, started_ms=5)


def test_the_local_store_lies_beside_the_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    assert local_store_uri(tmp_path / "runs") == f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert local_store_uri(tmp_path.relative_to(tmp_path)) == f"sqlite:///{tmp_path}/mlflow.db"


def test_signs_that_mean_something_in_a_uri_are_escaped(tmp_path):
    folder = tmp_path / "100%25 a?b#c ü"
    folder.mkdir()
    assert local_store_uri(folder) == f"sqlite:///{tmp_path}/100%2525 a%3Fb%23c ü/mlflow.db"
    store = connect(local_store_uri(folder))  # its folder is found again
    open_run(store)
    assert store._client.experiments["hilum"].artifact_location == (folder / "mlartifacts").as_uri()


@pytest.mark.parametrize(
    ("uri", "is_local"),
    [
        ("sqlite:///{}/m.db", True),
        ("file:///tmp/mlruns", True),
        ("./mlruns", True),
        ("/tmp/mlruns", True),  # noqa: S108
        ("http://127.0.0.1:5000", False),
        ("https://example.org", False),
        ("databricks", False),
        ("postgresql://u:p@host/db", False),
    ],
)
def test_only_files_on_this_machine_are_local(tmp_path, uri, is_local):
    assert connect(uri.format(tmp_path)).is_local is is_local


def test_the_name_of_a_store_holds_no_password():
    assert "secret" not in connect("http://me:secret@host").name
    assert connect("http://a").name != connect("http://b").name


def test_the_switches_leave_alone_what_the_user_set(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY")
    connect(local_store_uri(tmp_path))
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "the user's own"


def test_a_folder_that_is_missing_is_said_at_once(tmp_path):
    """MLflow itself tries for minutes."""
    with pytest.raises(StorageError, match=r"cannot write mlflow\.db into .*missing: make that folder"):
        connect(local_store_uri(tmp_path / "missing"))


def test_a_store_that_does_not_answer_is_one_line_without_password(monkeypatch):
    monkeypatch.setattr(MemoryClient, "__init__", lambda self, tracking_uri: 1 / 0)
    with pytest.raises(RunError) as caught:
        connect("http://me:secret@down:5000")
    assert str(caught.value) == (
        "MLflow at http://down:5000 did not take it: division by zero. Nothing is lost, the journal has it; "
        "`hilum runs sync` ships it once MLflow answers."
    )


@pytest.mark.parametrize("code", ["", "BAD_REQUEST"])
def test_an_address_that_mlflow_quotes_loses_its_password(monkeypatch, code):
    class RestError(Exception):
        error_code = code

    def fail(self, tracking_uri):
        raise RestError("API request to http://me:secret@down:5000/api/2.0/mlflow/runs/get failed")

    monkeypatch.setattr(MemoryClient, "__init__", fail)
    with pytest.raises(RunError, match=r"http://down:5000/api/2\.0/mlflow/runs/get failed") as caught:
        connect("http://me:secret@down:5000/")
    assert "secret" not in str(caught.value)


def test_only_the_first_line_of_mlflow_s_error_is_shown():
    with pytest.raises(RunError, match=r"did not take it: connection refused\. Nothing is lost"):
        connect("http://down")


def test_one_experiment_and_a_run_by_the_folder_s_name(store, tmp_path):
    assert open_run(store) == "r0"
    run = store._client.runs["r0"]
    assert (run.info.run_name, run.start_time, run.tags, run.experiment_id) == ("demo", 5, {"hilum.journal": "k"}, "7")
    assert store._client.experiments["hilum"].artifact_location == (tmp_path / "mlartifacts").as_uri()
    assert open_run(store, key="other") == "r1"
    assert list(store._client.experiments) == ["hilum"]


def test_a_server_chooses_the_place_of_artefacts():
    store = connect("http://server")
    open_run(store)
    assert store._client.experiments["hilum"].artifact_location is None


def test_a_run_is_found_by_its_id_then_by_its_key(store):
    assert open_run(store) == open_run(store, "r0") == open_run(store, "gone") == open_run(store, "") == "r0"
    store._client.runs["r0"].info.lifecycle_stage = "deleted"
    assert open_run(store, "r0") == "r1"


def test_a_locked_database_is_no_missing_run(store):
    with pytest.raises(RunError, match="database is locked"):
        open_run(store, "broken")
    assert store._client.runs == {}


def test_parameters_metrics_and_tags_go_in_calls_that_mlflow_takes(store):
    shipment = Shipment(
        params={f"p{i}": "x" for i in range(250)},
        metrics={"auroc/Mass": 0.5},
        tags={"reason": "done"},
        step=3,
        time_ms=9,
    )
    store.log("r0", shipment)
    batches = [batch for run_id, batch in store._client.batches if run_id == "r0"]
    assert [len(batch["params"]) for batch in batches if "params" in batch] == [100, 100, 50]
    assert [p for b in batches for p in b.get("params", [])] == list(shipment.params.items())
    assert [m for b in batches for m in b.get("metrics", [])] == [("auroc/Mass", 0.5, 9, 3)]
    assert [t for b in batches for t in b.get("tags", [])] == [("reason", "done")]


def test_an_empty_shipment_is_no_call(store):
    store.log("r0", Shipment())
    assert store._client.batches == []


def test_a_refusal_is_told_from_an_outage(store, monkeypatch):
    with pytest.raises(RefusedError, match="MLflow refuses it: Changing param values is not allowed"):
        store.log("r0", Shipment(params={"changed": "x"}))

    def outage(*_, **__):
        raise MlflowError("", "INTERNAL_ERROR")

    monkeypatch.setattr(store._client, "log_batch", outage)
    with pytest.raises(RunError, match="did not take it: MlflowError") as caught:
        store.log("r0", Shipment(params={"a": "x"}))
    assert not isinstance(caught.value, RefusedError)


def test_files_and_status(store, tmp_path):
    store.log_file("r0", tmp_path / "a", "bundle")
    store.log_file("r0", tmp_path / "b", "")
    assert store._client.files == [("r0", f"{tmp_path}/a", "bundle"), ("r0", f"{tmp_path}/b", None)]
    store.mark("r0", "RUNNING", None)
    store.mark("r0", "FINISHED", 9)
    assert store._client.statuses == [("r0", "RUNNING"), ("r0", "FINISHED", 9)]
