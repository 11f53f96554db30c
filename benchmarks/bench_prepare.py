"""The pixel store made: films per core-second and memory of ``prepare``, beside bare decoders, in one run.

Run: ``python benchmarks/bench_prepare.py [--films FOLDER_OF_1024_PX_PNGS] [--python PYTHON_WITH_OTHER_DECODERS]``.
Appends to ``benchmarks/results/prepare.csv`` a row for hilum and one for each decoder that can be imported, here or by
the other python (OpenCV, pyvips, imagecodecs). Processor time of the whole process tree counts: the start of the
decoding processes, every check and the writing are hilum's; the bare decoders have the files in memory, and write
nothing. ``--scale 20000`` makes a store of so many small films instead, and says how memory grows with their number.
"""

import argparse
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

SIZE_PX, FILM_PX, N_PHANTOMS, N_FILMS, ROUNDS = 320, 1024, 40, 2000, 2
NIH = 112_120


def decode_with_pillow(data):
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.resize((SIZE_PX, SIZE_PX), Image.Resampling.BILINEAR))


def decode_with_opencv(data):
    import cv2

    cv2.setNumThreads(1)
    film = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return cv2.resize(film, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA)


def decode_with_pyvips(data):
    import pyvips

    return pyvips.Image.thumbnail_buffer(data, SIZE_PX).numpy()


def decode_with_imagecodecs(data):
    """Decoding alone: it does not resize."""
    import imagecodecs

    return imagecodecs.png_decode(data)


DECODERS = {
    "Pillow, decode and resize": decode_with_pillow,
    "OpenCV, decode and resize": decode_with_opencv,
    "pyvips, decode and resize": decode_with_pyvips,
    "imagecodecs, decode alone": decode_with_imagecodecs,
}


def measure_decoders(paths):
    """Films per core-second of each decoder that is here; best of a few rounds."""
    films, found = [path.read_bytes() for path in paths], {}
    for name, decode in DECODERS.items():
        try:
            decode(films[0])
        except (ImportError, OSError):
            continue
        best = min(cpu_seconds(lambda decode=decode: [decode(film) for film in films]) for _ in range(ROUNDS))
        found[name] = len(films) / best
    return found


def cpu_seconds(function):
    """Processor seconds of this process and of its children that have ended."""

    def now():
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(each.ru_utime + each.ru_stime for each in used)

    start = now()
    function()
    return now() - start


class MemoryWatch:
    """The most memory that this process and its children hold together, in GiB, while it is open."""

    def __enter__(self):
        self.peak_gib, self._open = 0.0, True
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._open = False
        self._thread.join()

    def _watch(self):
        while self._open:
            pids = [os.getpid(), *children()]
            self.peak_gib = max(self.peak_gib, sum(map(resident_bytes, pids)) / 2**30)
            time.sleep(0.02)


def children():
    tasks = Path(f"/proc/{os.getpid()}/task")
    return [int(pid) for task in tasks.glob("*/children") for pid in read(task).split()]


def resident_bytes(pid):
    fields = read(Path(f"/proc/{pid}/statm")).split()
    return int(fields[1]) * resource.getpagesize() if fields else 0


def read(path):
    try:
        return path.read_text()
    except OSError:
        return ""


def manifest_of(paths, n):
    """The films again and again under other names."""
    import pandas as pd

    from hilum.data import Manifest

    ids = [f"{row:06d}.png" for row in range(n)]
    chosen = [str(paths[row % len(paths)]) for row in range(n)]
    table = pd.DataFrame({"image_id": ids, "path": chosen, "patient_id": ids}).assign(
        study_id="", view="", sex="", age_years=np.nan, split=None, source="", Mass=0.0
    )
    return Manifest(table, ("Mass",), source="films of a benchmark")


def measure_hilum(paths, n, size_px, folder):
    """Films per core-second, films per second and peak memory of the process tree."""
    from hilum.data import prepare_store

    manifest = manifest_of(paths, n)
    start = time.perf_counter()
    with MemoryWatch() as memory:
        used = cpu_seconds(lambda: prepare_store(manifest, folder, size_px=size_px))
    wall = time.perf_counter() - start
    shutil.rmtree(folder)
    return n / used, n / wall, memory.peak_gib


def phantoms(folder, count, size_px):
    """Write phantoms and compress them as NIH's films are."""
    from PIL import Image

    from hilum.data import write_phantoms
    from hilum.imaging import encode_png

    write_phantoms(folder, count=count, size_px=size_px, seed=0)
    paths = sorted((folder / "images").glob("*.png"))
    for path in paths:
        with Image.open(path) as picture:
            pixels = np.asarray(picture)
        path.write_bytes(encode_png(pixels))
    return paths


def other_decoders(python, paths):
    if python is None:
        return {}
    words = [python, __file__, "--decoders", *map(str, paths)]
    done = subprocess.run(words, stdout=subprocess.PIPE, check=True, env={**os.environ, "VIPS_CONCURRENCY": "1"})
    return {name: value for name, value in json.loads(done.stdout).items() if not name.startswith("Pillow")}


def compare(paths, what, python, folder):
    """Append a row for hilum and one for each decoder."""
    from result_row import append_row

    rounds = [measure_hilum(paths, N_FILMS, SIZE_PX, folder / "store") for _ in range(ROUNDS)]
    rate, wall_rate, _ = max(rounds)
    peak_gib = max(peak for _, _, peak in rounds)
    bare = {**measure_decoders(paths), **other_decoders(python, paths)}
    rows = [("hilum prepare", rate, f"{wall_rate:.1f}", f"{peak_gib:.2f}")]
    rows += [(name, value, "", "") for name, value in bare.items()]
    for name, value, per_second, gib in rows:
        append_row(
            "prepare.csv",
            what=f"{what}, {FILM_PX} px PNG to {SIZE_PX} px",
            way=name,
            films_per_core_s=f"{value:.1f}",
            hilum_is_so_much_of_it=f"{rate / value:.2f}",
            films_per_s=per_second,
            peak_gib=gib,
        )


def scale(n, folder):
    """Show how memory grows with the number of films."""
    from result_row import append_row

    paths = phantoms(folder / "phantoms", N_PHANTOMS, 128)
    for count in (n // 4, n):
        rate, wall_rate, peak_gib = measure_hilum(paths, count, 128, folder / "store")
        append_row(
            "prepare.csv",
            what=f"{count} phantoms, 128 px PNG to 128 px",
            way="hilum prepare",
            films_per_core_s=f"{rate:.1f}",
            hilum_is_so_much_of_it="",
            films_per_s=f"{wall_rate:.1f}",
            peak_gib=f"{peak_gib:.3f}",
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=Path, help="a folder of real 1024 px PNG films; without it, phantoms")
    parser.add_argument("--python", help="another python, which has OpenCV, pyvips or imagecodecs")
    parser.add_argument("--scale", type=int, help="make a store of so many small films instead")
    parser.add_argument("--decoders", nargs="+", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.decoders:
        sys.stdout.write(json.dumps(measure_decoders(given.decoders)))
        return
    folder = Path(tempfile.mkdtemp(prefix="hilum-bench-"))
    try:
        if given.scale:
            scale(given.scale, folder)
        elif given.films:
            compare(sorted(given.films.resolve().glob("*.png")), "real films", given.python, folder)
        else:
            compare(phantoms(folder / "phantoms", N_PHANTOMS, FILM_PX), "phantoms", given.python, folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
