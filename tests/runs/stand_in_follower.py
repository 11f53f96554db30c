"""The real follower with a JSON file in MLflow's place; the order's URI is the file's path. Run by the tests."""

import json
from pathlib import Path

from hilum.runs import follower, write_text


class FileDestination:
    name = "file"
    is_local = True

    def __init__(self, uri: str) -> None:
        self._path = Path(uri)
        self._kept = json.loads(self._path.read_text()) if self._path.exists() else {"metrics": [], "status": ""}

    def _keep(self) -> None:
        write_text(self._path, json.dumps(self._kept))

    def open_run(self, known_id, *, name, key, started_ms):
        return known_id or name

    def log(self, run_id, shipment):
        self._kept["metrics"] += [[name, shipment.step, value] for name, value in shipment.metrics.items()]
        self._keep()

    def log_file(self, run_id, path, folder):
        """Nothing is kept."""

    def mark(self, run_id, status, ended_ms):
        self._kept["status"] = status
        self._keep()


if __name__ == "__main__":
    follower._PAUSE_S = 0.05
    follower.connect = FileDestination
    follower.main()
