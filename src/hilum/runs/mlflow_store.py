"""MLflow as a destination of events. The only module that imports mlflow, and only when it connects."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote

from hilum.errors import RunError, StorageError
from hilum.runs.shipment import Shipment
from hilum.runs.shipping import RefusedError

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["MlflowStore", "connect", "local_store_uri"]

_EXPERIMENT = "hilum"
_KEY_TAG = "hilum.journal"
_SQLITE = "sqlite:///"
_MOST_PER_CALL = 100  # MLflow takes 100 parameters or tags in one call
# MLflow's own switches; whatever the user set counts.
_SWITCHES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
}

Value = TypeVar("Value")


def local_store_uri(root: Path) -> str:
    """Return the URI of the store that the runs in ``root`` share: ``mlflow.db`` in that folder."""
    path = str(root.resolve() / "mlflow.db")
    for sign in "%?#":  # these mean something in a URI
        path = path.replace(sign, f"%{ord(sign):02X}")
    return f"{_SQLITE}{path}"


def connect(uri: str) -> "MlflowStore":
    """Open an MLflow store; importing MLflow and making a new store take seconds.

    Sets MLflow's switches in this process's environment (no telemetry, short waits) where the user set none.

    Args:
        uri: A tracking URI. A local sqlite store is made if it is missing, its artefacts in ``mlartifacts`` beside it.

    Raises:
        RunError: MLflow does not answer, or cannot use the store.
        StorageError: The store's folder cannot be written.
    """
    database = _database(uri)
    if database and not os.access(database.parent, os.W_OK):
        raise StorageError(
            f"cannot write {database.name} into {database.parent}: make that folder, or make it writable"
        )
    for name, value in _SWITCHES.items():
        os.environ.setdefault(name, value)
    with _translated(uri):
        from mlflow import MlflowClient

        return MlflowStore(MlflowClient(tracking_uri=uri), uri)


class MlflowStore:
    """A :class:`hilum.runs.shipping.Destination`: one experiment, ``hilum``, with a run per run folder."""

    def __init__(self, client: "MlflowClient", uri: str) -> None:
        database = _database(uri)
        self.name = hashlib.sha256(uri.encode()).hexdigest()[:16]
        self.is_local = uri.startswith((_SQLITE, "file:", "/", "."))
        self._client = client
        self._uri = uri
        self._artefacts = (database.parent.resolve() / "mlartifacts").as_uri() if database else None

    def open_run(self, known_id: str, *, name: str, key: str, started_ms: int) -> str:
        """Return the id of the run ``known_id``; if that is gone, of the run with ``key``; else of a new one."""
        with _translated(self._uri):
            if known_id and self._is_there(known_id):
                return known_id
            experiment = self._experiment()
            wanted = f"tags.`{_KEY_TAG}` = '{key}'"
            found = self._client.search_runs([experiment], filter_string=wanted, max_results=1)
            if found:
                return str(found[0].info.run_id)
            made = self._client.create_run(experiment, start_time=started_ms, tags={_KEY_TAG: key}, run_name=name)
            return str(made.info.run_id)

    def log(self, run_id: str, shipment: Shipment) -> None:
        """Take parameters, metrics and tags; taking the same ones again changes nothing."""
        with _translated(self._uri):
            from mlflow.entities import Metric, Param, RunTag

            for tags in _parts([RunTag(name, value) for name, value in shipment.tags.items()]):
                self._client.log_batch(run_id, tags=tags)
            when = shipment.time_ms, shipment.step
            for metrics in _parts([Metric(name, value, *when) for name, value in shipment.metrics.items()]):
                self._client.log_batch(run_id, metrics=metrics)
            for params in _parts([Param(name, value) for name, value in shipment.params.items()]):
                self._client.log_batch(run_id, params=params)

    def log_file(self, run_id: str, path: Path, folder: str) -> None:
        """Take one file into ``folder`` (empty for the top); taking it again replaces it."""
        with _translated(self._uri):
            self._client.log_artifact(run_id, str(path), folder or None)

    def mark(self, run_id: str, status: str, ended_ms: int | None) -> None:
        """Set the status: ``RUNNING``, ``FINISHED`` or ``KILLED``."""
        with _translated(self._uri):
            if ended_ms is None:
                self._client.update_run(run_id, status=status)
            else:
                self._client.set_terminated(run_id, status, end_time=ended_ms)

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(_EXPERIMENT)
        if found:
            return str(found.experiment_id)
        return str(self._client.create_experiment(_EXPERIMENT, artifact_location=self._artefacts))

    def _is_there(self, run_id: str) -> bool:
        from mlflow.exceptions import MlflowException

        try:
            return bool(self._client.get_run(run_id).info.lifecycle_stage == "active")
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise


@contextmanager
def _translated(uri: str) -> Iterator[None]:
    """Turn whatever MLflow and the libraries below it raise into an error of hilum's, without the URI's password."""
    where = _without_password(uri)
    try:
        yield
    except Exception as error:
        text = (str(error).splitlines() or [type(error).__name__])[0]
        if uri != where:  # MLflow quotes the address it was given
            text = text.replace(f"{uri.partition('://')[2].rpartition('@')[0]}@", "")
        if getattr(error, "error_code", "") in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
            raise RefusedError(f"MLflow refuses it: {text}") from error
        raise RunError(
            f"MLflow at {where} did not take it: {text}. Nothing is lost, the journal has it; "
            "`hilum runs sync` ships it once MLflow answers."
        ) from error


def _database(uri: str) -> Path | None:
    """The file of a sqlite store; None for any other store."""
    if not uri.startswith(_SQLITE):
        return None
    return Path(unquote(uri.removeprefix(_SQLITE).partition("?")[0]))


def _without_password(uri: str) -> str:
    """The URI without user and password, fit for messages."""
    head, sign, rest = uri.partition("://")
    return f"{head}{sign}{rest.rpartition('@')[2]}"


def _parts(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    return (values[start : start + _MOST_PER_CALL] for start in range(0, len(values), _MOST_PER_CALL))
