"""The doctor's search for films that stand twice, at the size of ChestX-ray14: 112,120 films.

Run: ``python benchmarks/bench_doctor.py [--films N] [--thumbnails FILE.npy]``. Appends a row to
``benchmarks/results/doctor.csv``: minutes, peak memory, and how many of the planted copies were found. The films are
blends of phantoms (or of real thumbnails, uint8 ``(film, 64, 64)``) with noise: their descriptors are spread as those
of real films are, and candidates are as many. Copies are cropped, darkened, mirrored or inverted.
"""

import argparse
import platform
import resource
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from PIL import Image
from result_row import append_row

from hilum.data.doctor.duplicates import find_duplicates
from hilum.data.doctor.thumbnails import Thumbnails
from hilum.phantoms import render_film

N_FILMS, N_SEEDS, N_PLANTED = 112_120, 600, 500


def blends(seeds, n, generator):
    """Made-up patients: three chests blended, shifted and stretched a little, with noise of their own."""
    films = np.empty((n, 64, 64), np.uint8)
    for start in range(0, n, 1000):
        k = min(1000, n - start)
        shares = generator.dirichlet((1.5, 0.7, 0.4), k).astype(np.float32)
        chosen = generator.integers(len(seeds), size=(k, 3))
        film = np.einsum("ks,kshw->khw", shares, seeds[chosen].astype(np.float32))
        coarse = generator.normal(0, 14, (k, 16, 16)).astype(np.float32)
        film += np.repeat(np.repeat(coarse, 4, axis=1), 4, axis=2)
        film += generator.normal(0, 4, film.shape)
        films[start : start + k] = film.clip(0, 255)
    return films


def copy_of(film, kind, generator):
    if kind == "cropped":
        top, bottom, left, right = generator.uniform(0, 0.04, 4) * 64
        return np.asarray(
            Image.fromarray(film).resize((64, 64), Image.Resampling.BILINEAR, (left, top, 64 - right, 64 - bottom))
        )
    if kind == "darker":
        return (255 * (film / 255) ** 1.5).astype(np.uint8)
    return film[:, ::-1] if kind == "mirrored" else 255 - film


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=N_FILMS)
    parser.add_argument("--thumbnails", type=Path, help="real thumbnails to blend, .npy")
    given = parser.parse_args()
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    seeds = (
        np.load(given.thumbnails)
        if given.thumbnails
        else np.stack([render_film(1, index, size_px=64).pixels for index in range(N_SEEDS)])
    )
    films = blends(seeds, given.films, generator)
    originals = generator.choice(given.films // 2, N_PLANTED, replace=False)
    copies = given.films // 2 + generator.choice(given.films // 2, N_PLANTED, replace=False)
    for place, (original, copy) in enumerate(zip(originals, copies, strict=True)):
        kind = ("cropped", "darker", "mirrored", "inverted")[place % 4]
        films[copy] = copy_of(films[original], kind, generator)
    n = len(films)
    boxes = np.tile(np.array([0, 0, 64, 64], np.int32), (n, 1))
    thumbnails = Thumbnails(films, boxes, boxes[:, 2:], ("",) * n, np.arange(n), [()] * n, {})
    start = perf_counter()
    found = {(pair.row_a, pair.row_b) for pair in find_duplicates(thumbnails)}
    minutes = (perf_counter() - start) / 60
    planted = set(zip(originals.tolist(), copies.tolist(), strict=True))
    blended = "real films" if given.thumbnails else "phantoms"
    append_row(
        "doctor.csv",
        machine=platform.machine(),
        what=f"films that stand twice among {n:,} blends of {blended}",
        minutes=f"{minutes:.2f}",
        peak_gib=f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f}",
        planted=len(planted),
        found=len(planted & found),
        others=len(found - planted),
    )


if __name__ == "__main__":
    main()
