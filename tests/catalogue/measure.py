"""Reads files in processes of their own and says what each cost; run with ``python -m catalogue.measure``.

Takes one path a line, gives one line of JSON for each: flags or code, seconds of processor time, growth in bytes.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

from hilum.errors import ImageRefusedError
from hilum.imaging import read_image
from hilum.phantoms import render_film

_LIMIT_BYTES = 2 * 2**30
_LIMIT_S = 20


def main() -> None:
    """Warm up what every film needs, then read each path in a fork."""
    render_film(0, 0, size_px=64)
    for line in sys.stdin:
        receiver, sender = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(receiver)
            os.write(sender, json.dumps(read(json.loads(line))).encode())
            os._exit(0)
        os.close(sender)
        with os.fdopen(receiver, "rb") as stream:
            said = stream.read().decode() or json.dumps({"died": True})
        os.waitpid(child, 0)
        sys.stdout.write(said + "\n")
        sys.stdout.flush()


def read(path: str) -> dict[str, object]:
    """Read a film within limits; returns what came of it and what it cost."""
    resource.setrlimit(resource.RLIMIT_AS, (_LIMIT_BYTES, _LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_LIMIT_S, _LIMIT_S))
    before, start = peak_bytes(), time.process_time()
    said: dict[str, object] = {}
    try:
        said["flags"] = read_image(Path(path)).facts.flags
    except ImageRefusedError as error:
        said["code"] = error.code
    except BaseException as error:  # noqa: BLE001 - to be told, whatever it is
        said["error"] = repr(error)
    return {**said, "cpu_s": time.process_time() - start, "bytes": peak_bytes() - before}


def peak_bytes() -> int:
    """The largest resident size of this process so far."""
    lines = Path("/proc/self/status").read_text("ascii", "replace").splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


if __name__ == "__main__":
    main()
