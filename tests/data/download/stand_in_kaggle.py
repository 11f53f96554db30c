"""A server on loopback that answers as Kaggle and its storage do, with the faults that networks have."""

import base64
import hashlib
import io
import json
import sys
import threading
import time
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from hilum.data.download import DATASETS

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40) + b"\0\0\0\0IEND\xaeB`\x82"
API = "/v1/datasets.DatasetApiService/"


@dataclass
class Plan:
    """How the server behaves, and what it saw.

    ``faults`` are used up, one per request for the archive: ``("cut", n)`` closes after n bytes, ``("hang", n)`` stops
    after n bytes, a number is a status.
    """

    archive: bytes = b""
    version: int = 3
    faults: list = field(default_factory=list)
    api_faults: list = field(default_factory=list)
    headers: dict = field(default_factory=dict)
    md5: str | None = ""
    ranges: bool = True
    delay_s: float = 0.0
    asked: list = field(default_factory=list)
    served: list = field(default_factory=list)
    authorisations: list = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)

    def hash_header(self) -> str | None:
        if self.md5 is None:
            return None
        return self.md5 or base64.b64encode(hashlib.md5(self.archive, usedforsecurity=False).digest()).decode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    plan: Plan

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.plan.authorisations.append(self.headers.get("Authorization"))
        if self.plan.api_faults:
            return self._fault(self.plan.api_faults.pop(0))
        if self.path == f"{API}GetDataset":
            return self._answer(200, json.dumps({"currentVersionNumber": self.plan.version}).encode())
        assert self.path == f"{API}DownloadDataset"
        return self._answer(302, b"", Location=f"http://127.0.0.1:{self.server.server_port}/storage?signature=abc")

    def _fault(self, fault):
        if fault == "html":
            return self._answer(200, b"<html>please log in", content_type="text/html")
        if fault == "hang":
            self.plan.let_go.wait(20)
            self.close_connection = True
            return None
        if isinstance(fault, dict):
            return self._answer(200, json.dumps(fault).encode())
        return self._answer(fault, json.dumps({"code": fault, "message": "no"}).encode())

    def _answer(self, status, body, *, content_type="application/json", **headers):
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": len(body), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        plan, whole = self.plan, self.plan.archive
        self.plan.asked.append(self.headers.get("Range"))
        fault = plan.faults.pop(0) if plan.faults else None
        if isinstance(fault, int):
            return self._answer(fault, b"<Error>", content_type="application/xml")
        start = int(self.headers["Range"][6:-1]) if self.headers.get("Range") and plan.ranges else 0
        if start >= len(whole) > 0:
            return self._answer(416, b"", content_type="application/xml")
        headers = {"Content-Type": "application/zip", "Content-Length": len(whole) - start, "Accept-Ranges": "bytes"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(whole) - 1}/{len(whole)}"
        if plan.hash_header():
            headers["x-goog-hash"] = f"crc32c=AAAAAA==,md5={plan.hash_header()}"
        self.send_response(206 if start else 200)
        for name, value in {**headers, **plan.headers}.items():
            if value is not None:
                self.send_header(name, str(value))
        self.end_headers()
        return self._body(whole[start:], fault)

    def _body(self, body, fault):
        kind, limit = fault or ("whole", len(body))
        body = body[:limit]
        for place in range(0, len(body), 1 << 16):
            self.wfile.write(body[place : place + (1 << 16)])
            self.wfile.flush()
            if self.plan.delay_s:
                time.sleep(self.plan.delay_s)
        self.plan.served.append(len(body))
        if kind == "hang":
            self.plan.let_go.wait(20)
        self.close_connection = True


@contextmanager
def serving(plan):
    """Answer by ``plan`` on a free port, so that tests can run side by side."""
    running = ThreadingHTTPServer(("127.0.0.1", 0), type("Planned", (Handler,), {"plan": plan}))
    running.daemon_threads = True
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}"
    finally:
        plan.let_go.set()
        running.shutdown()
        running.server_close()
        thread.join(5)


def as_kaggle(address):
    """Make Kaggle's client take ``address`` for Kaggle, in this process."""
    from kagglesdk import kaggle_env

    kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.PROD] = address


def film_names(count):
    return [f"{patient:08d}_{visit:03d}.png" for patient in range(1, count + 1) for visit in range(2)][:count]


def nih_files(count=6, *, tests=2, boxes=3, padding=0):
    """The files of a small ChestX-ray14 in the layout of Kaggle's archive."""
    names = film_names(count)
    header = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"
    rows = [f"{name},No Finding,0,{int(name[:8])},50,F,PA" for name in names]
    half = count // 2
    picture = PNG[:20] + bytes(padding) + PNG[20:]
    films = {f"images_{1 + (place >= half):03d}/images/{name}": picture for place, name in enumerate(names)}
    return {
        **films,
        "Data_Entry_2017.csv": "\n".join([header, *rows, ""]).encode(),
        "train_val_list.txt": "\n".join(names[tests:]).encode(),
        "test_list.txt": "\n".join(names[:tests]).encode(),
        "BBox_List_2017.csv": "\n".join(
            ["Image Index,Finding Label,Bbox [x,y,w,h],,,", *[f"{name},Mass,1,2,3,4" for name in names[:boxes]]]
        ).encode(),
    }


def zipped(files, compression=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def laid_out(files, folder):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def small(known):
    """``nih`` as the files of ``nih_files`` hold it."""
    return replace(
        known,
        n_films=6,
        archive_bytes=5_000_000,
        lists={"train_val_list.txt": 4, "test_list.txt": 2, "BBox_List_2017.csv": 3},
        part_sizes=(3, 3),
    )


if __name__ == "__main__":
    # Fetches the small set as a process of its own, which tests kill: ADDRESS FOLDER.
    from hilum.cli import main
    from hilum.data import DATASETS

    as_kaggle(sys.argv[1])
    DATASETS["nih"] = small(DATASETS["nih"])
    sys.exit(main(["data", "get", "nih", "--out", sys.argv[2]]))
