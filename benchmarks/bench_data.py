"""The pixel store against decoding: how fast an epoch is fed, from the store and from 1024 px PNG files.

Run: ``python benchmarks/bench_data.py [--films FOLDER_OF_1024_PX_PNGS]``. Appends a row per set of films to
``benchmarks/results/data.csv``: one for phantoms that hilum renders here, one for films of your own.
Both ways end in the same thing, batches of 32 squares of 224 px as bytes, by one thread: read from the store, or
decoded with Pillow and resized by the same rule. ``read_square`` is hilum's own way in, with all its checks.
"""

import argparse
import platform
import shutil
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import torch
from PIL import Image
from result_row import append_row

from hilum.data import Manifest, batches, prepare_store, read_nih, write_phantoms
from hilum.imaging import encode_png, read_square

SIZE_PX, FILM_PX, BATCH, N_PHANTOMS, N_EPOCH = 224, 1024, 32, 40, 640


def phantoms(folder):
    """Write phantoms and compress them as NIH's films are."""
    write_phantoms(folder, count=N_PHANTOMS, size_px=FILM_PX, seed=0)
    for path in (folder / "images").glob("*.png"):
        with Image.open(path) as picture:
            pixels = np.asarray(picture)
        path.write_bytes(encode_png(pixels))
    return read_nih(folder)


def own_films(folder):
    paths = sorted(folder.glob("*.png"))
    table = pd.DataFrame({"image_id": [path.name for path in paths], "path": [str(path.resolve()) for path in paths]})
    table = table.assign(patient_id=table["image_id"], study_id="", view="", sex="", age_years=np.nan, split=None)
    return Manifest(table.assign(Mass=0.0), ("Mass",), source="films of one's own")


def seconds(function):
    start = perf_counter()
    function()
    return perf_counter() - start


def decode_with_pillow(path):
    """The least that has to be done: decode, and shrink as bytes."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L").resize((SIZE_PX, SIZE_PX), Image.Resampling.BILINEAR))


def repeated(manifest):
    """The films again and again under other names: a store larger than a processor's cache."""
    n = -(-N_EPOCH // len(manifest))
    table = pd.concat([manifest.table.assign(image_id=f"{turn}-" + manifest.table["image_id"]) for turn in range(n)])
    return Manifest(table.iloc[:N_EPOCH].reset_index(drop=True), manifest.findings, source=manifest.source)


def feed(store):
    order = np.random.default_rng(0).permutation(N_EPOCH)
    for part in np.array_split(order, N_EPOCH // BATCH):
        store.read(part)


def feed_batches(store):
    targets = np.zeros((N_EPOCH, 1), dtype=np.float32)
    for _ in batches(store, np.arange(N_EPOCH), targets, batch_size=BATCH, shuffle_seed=0):
        pass


def measure(what, manifest, folder):
    store = prepare_store(repeated(manifest), folder, size_px=SIZE_PX)
    paths = manifest.paths()
    from_store = N_EPOCH / min(seconds(lambda: feed(store)) for _ in range(3))
    as_batches = N_EPOCH / min(seconds(lambda: feed_batches(store)) for _ in range(3))
    pillow = len(paths) / min(seconds(lambda: [decode_with_pillow(path) for path in paths]) for _ in range(3))
    own = len(paths) / min(seconds(lambda: [read_square(path, SIZE_PX) for path in paths]) for _ in range(3))
    return {
        "machine": f"{platform.machine()}, 1 thread",
        "what": f"{what}, {len(paths)} PNG of {FILM_PX} px to {SIZE_PX} px",
        "store_films_per_s": f"{from_store:.0f}",
        "batches_films_per_s": f"{as_batches:.0f}",
        "pillow_films_per_s": f"{pillow:.1f}",
        "read_square_films_per_s": f"{own:.1f}",
        "store_vs_pillow": f"{from_store / pillow:.0f}",
        "batches_vs_pillow": f"{as_batches / pillow:.0f}",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=Path, help="a folder of real 1024 px PNG films")
    films = parser.parse_args().films
    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp(prefix="hilum-bench-"))
    try:
        append_row("data.csv", **measure("phantoms", phantoms(folder / "phantoms"), folder / "store"))
        if films:
            append_row("data.csv", **measure("real films", own_films(films), folder / "real-store"))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
