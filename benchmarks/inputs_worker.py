"""Reads files with one loader, each in a process with limits; for ``bench_inputs.py``, under the loader's own Python.

Run: ``python inputs_worker.py LOADER PATHS.json FOLDER``. Writes ``FOLDER/N.npy`` for what was answered and
``FOLDER/answers.json``: for each path what came of it. Needs nothing of hilum unless the loader is hilum.
"""

import json
import os
import resource
import select
import signal
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from torchvision_operators import name_torchvision_operators

LIMIT_S, LIMIT_BYTES = 20, 2 * 2**30


def load_hilum():
    from hilum.imaging import read_image

    def read(path):
        image = read_image(Path(path))
        return image.pixels, list(image.facts.flags)

    return read, f"hilum {version('hilum')}"


def load_torchxrayvision():
    name_torchvision_operators()
    import torchxrayvision

    return lambda path: (torchxrayvision.utils.load_image(path), []), f"torchxrayvision {version('torchxrayvision')}"


def load_monai():
    from monai.transforms import LoadImage

    loader = LoadImage(image_only=True)
    return lambda path: (np.asarray(loader(path)), []), f"monai {version('monai')}"


LOADERS = {"hilum": load_hilum, "torchxrayvision": load_torchxrayvision, "monai": load_monai}


def answer(read, path, target):
    """Read a file in this process and say what came of it."""
    start = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            pixels, flags = read(path)
        except MemoryError:
            return {"came": "died", "why": "memory"}
        except Exception as error:  # noqa: BLE001 - any exception is a refusal
            return {"came": "refused", "why": type(error).__name__, "code": getattr(error, "code", "")}
    np.save(target, np.asarray(pixels))
    said = {"came": "answered", "flags": flags, "warned": sorted({str(one.message)[:60] for one in caught})[:20]}
    return {**said, "cpu_s": round(time.process_time() - start, 3)}


def in_process(read, path, target):
    """The same in a fork with limits on memory and time."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + LIMIT_BYTES, held + LIMIT_BYTES))
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        os.write(sender, json.dumps(answer(read, path, target)).encode())
        os._exit(0)
    os.close(sender)
    said = b""
    if select.select([receiver], [], [], LIMIT_S)[0]:
        said = os.read(receiver, 65536)
    os.close(receiver)
    if not said:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return json.loads(said) if said else {"came": "died", "why": f"no answer within {LIMIT_S} s, or killed"}


def main():
    loader, paths, folder = sys.argv[1], json.loads(Path(sys.argv[2]).read_text()), Path(sys.argv[3])
    read, name = LOADERS[loader]()
    folder.mkdir(parents=True, exist_ok=True)
    answers = [in_process(read, path, folder / f"{number}.npy") for number, path in enumerate(paths)]
    (folder / "answers.json").write_text(json.dumps({"loader": name, "answers": answers}))


if __name__ == "__main__":
    main()
