"""The pixel store against decoding: how fast an epoch is fed, from the store and from 1024 px PNG files.

Run: ``python benchmarks/bench_data.py [--films FOLDER_OF_1024_PX_PNGS] [--peers PYTHON_WITH_TORCHXRAYVISION]``. Appends
a row per set of films to ``benchmarks/results/data.csv``: one for phantoms that hilum renders here, one for films of
your own; to ``data_peers.csv`` an augmented epoch from the store beside TorchXRayVision's reader of the same films; and
to ``data_step.csv`` whether a training step ever waits for the loader.
Both ways end in the same thing, batches of 32 squares of 224 px as bytes, by one thread: read from the store, or
decoded with Pillow and resized by the same rule. ``read_square`` is hilum's own way in, with all its checks.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import torch
from PIL import Image
from result_row import append_row

from hilum.data import Augmentation, AugmentationSection, Manifest, batches, prepare_store, read_nih, write_phantoms
from hilum.imaging import encode_png, read_square
from hilum.models import ModelSection, build_model
from hilum.runs import keep_freed_memory

SIZE_PX, FILM_PX, BATCH, N_PHANTOMS, N_EPOCH = 224, 1024, 32, 40, 640
BACKBONE, N_STEPS = "densenet121", 4


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
    table = table.assign(source="")
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


def epoch_of(store, n=N_EPOCH, *, augmented=False):
    augmentation = Augmentation(AugmentationSection(), seed=0) if augmented else None
    targets = np.zeros((n, 1), dtype=np.float32)
    return batches(store, np.arange(n), targets, batch_size=BATCH, shuffle_seed=0, augmentation=augmentation)


def feed_batches(store, *, augmented=False):
    for _ in epoch_of(store, augmented=augmented):
        pass


def measure(what, manifest, store):
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


def augmented_rate(store):
    return N_EPOCH / min(seconds(lambda: feed_batches(store, augmented=True)) for _ in range(3))


def compare_with_txrv(what, manifest, store, python, folder):
    """An augmented epoch from the store against TorchXRayVision's reader, which reads the same films as they are."""
    paths = manifest.paths()
    labels = pd.DataFrame({"Image Index": [path.name for path in paths], "Patient ID": range(len(paths))}).assign(
        **{"Finding Labels": "Mass", "Patient Age": 50, "Patient Gender": "F", "View Position": "PA"}
    )
    labels.to_csv(folder / "labels.csv", index=False)
    here = Path(__file__).parent / "txrv_films.py"
    words = [python, here, paths[0].parent, folder / "labels.csv", SIZE_PX, len(paths)]
    before = augmented_rate(store)
    done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, check=True)
    txrv, ours = json.loads(done.stdout), max(before, augmented_rate(store))
    append_row(
        "data_peers.csv",
        machine=f"{platform.machine()}, 1 thread",
        what=f"{what}, {txrv['n_films']} PNG of {FILM_PX} px at {SIZE_PX} px",
        store_augmented_films_per_s=f"{ours:.0f}",
        txrv_version=txrv["version"],
        txrv_films_per_s=f"{txrv['films_per_s']:.1f}",
        store_vs_txrv=f"{ours / txrv['films_per_s']:.0f}",
    )


def measure_step(store):
    """Training steps on one batch again and again, and fed by the loader; all cores."""
    loader = augmented_rate(store)
    torch.set_num_threads(os.cpu_count() or 1)
    model = build_model(
        ModelSection(backbone=BACKBONE), n_findings=1, mean=(0.5,), std=(0.25,), size_px=SIZE_PX
    ).train()
    optimiser = torch.optim.AdamW(model.parameters())

    def step(batch):
        optimiser.zero_grad()
        model(batch.images).square().mean().backward()
        optimiser.step()

    first = next(epoch_of(store, augmented=True))
    step(first)
    n_films = BATCH * N_STEPS
    alone = min(seconds(lambda: [step(first) for _ in range(N_STEPS)]) for _ in range(2))
    fed = min(seconds(lambda: [step(batch) for batch in epoch_of(store, n_films, augmented=True)]) for _ in range(2))
    torch.set_num_threads(1)
    append_row(
        "data_step.csv",
        machine=f"{platform.machine()}, {os.cpu_count()} cores",
        what=f"{BACKBONE}, {SIZE_PX} px, batches of {BATCH}, augmented, fp32",
        loader_films_per_s=f"{loader:.0f}",
        step_films_per_s=f"{n_films / alone:.1f}",
        step_fed_by_loader_films_per_s=f"{n_films / fed:.1f}",
        loader_vs_step=f"{loader / (n_films / alone):.0f}",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=Path, help="a folder of real 1024 px PNG films")
    parser.add_argument("--peers", help="a python that has torchxrayvision; without it, no comparison")
    given = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    folder = Path(tempfile.mkdtemp(prefix="hilum-bench-"))
    try:
        sets = [("phantoms", phantoms(folder / "phantoms"))]
        sets += [("real films", own_films(given.films))] if given.films else []
        for what, manifest in sets:
            store = prepare_store(repeated(manifest), folder / f"{what}.store", size_px=SIZE_PX)
            append_row("data.csv", **measure(what, manifest, store))
            if given.peers:
                compare_with_txrv(what, manifest, store, given.peers, folder)
        if not given.peers:
            print("TorchXRayVision was not measured: --peers names a python that has it")
        measure_step(store)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
