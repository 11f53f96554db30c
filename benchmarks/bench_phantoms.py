"""Phantoms: films per second at 256 px with two workers, rendered only, and written to disk as NIH does.

Run: ``python benchmarks/bench_phantoms.py``. Appends a row to ``benchmarks/results/phantoms.csv``. The best of three
rounds counts: whatever else runs on the machine can only slow a round down. The start of the workers counts in.
"""

import multiprocessing
import os
import platform
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

from result_row import append_row

from hilum.data import write_phantoms
from hilum.phantoms import render_film
from hilum.runs import keep_freed_memory

COUNT, SIZE_PX, WORKERS, ROUNDS, SEED = 400, 256, 2, 3, 0


def rendered():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=context, initializer=keep_freed_memory) as pool:
        films = pool.map(partial(_greys, SEED), range(COUNT), chunksize=25)
        assert sum(films) > 0


def _greys(seed, index):
    """Only a number comes back: this measures rendering, not sending films between processes."""
    return int(render_film(seed, index, size_px=SIZE_PX).pixels[0, 0] >= 0)


def written():
    with tempfile.TemporaryDirectory() as folder:
        write_phantoms(Path(folder) / "set", count=COUNT, size_px=SIZE_PX, seed=SEED, workers=WORKERS)


def films_per_second(function):
    best = 0.0
    for _ in range(ROUNDS):
        start = perf_counter()
        function()
        best = max(best, COUNT / (perf_counter() - start))
    return best


def cpu_ms_per_film():
    """Time on the processor, in one process: what is left of the speed where others compute as well."""
    keep_freed_memory()
    start = process_time()
    for index in range(60):
        render_film(SEED, index, size_px=SIZE_PX)
    return 1000 * (process_time() - start) / 60


def main():
    load = os.getloadavg()[0]
    row = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f} before",
        "what": f"{COUNT} films at {SIZE_PX} px, {WORKERS} workers, best of {ROUNDS}",
        "cpu_ms_per_film": f"{min(cpu_ms_per_film() for _ in range(ROUNDS)):.1f}",
        "rendered_per_second": f"{films_per_second(rendered):.1f}",
        "written_per_second": f"{films_per_second(written):.1f}",
    }
    append_row("phantoms.csv", **row)


if __name__ == "__main__":
    main()
