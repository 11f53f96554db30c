"""A data set with faults, examined before anything is trained on it: the same steps as ``hilum data doctor``.

Run: ``python examples/02_doctor.py [FOLDER]``; takes about half a minute.
"""

import sys
from pathlib import Path

import numpy as np

from hilum.data import (
    Manifest,
    examine_manifest,
    exclude_films,
    proposed_exclusions,
    read_nih,
    split_by_patient,
    write_exclusions,
    write_phantoms,
)
from hilum.imaging import read_image, write_png
from hilum.reporting import write_doctor


def main(folder: Path) -> None:
    # Films and labels. Yours come in by read_nih, read_csv, read_dicom ...; these are made up.
    write_phantoms(folder / "phantoms", count=150, size_px=256, seed=0)
    manifest = split_by_patient(read_nih(folder / "phantoms"), fractions=(0.6, 0.2, 0.2), seed=0)
    plant_faults(manifest)

    # Every film is opened once, in processes that can be thrown away; all are looked at side by side.
    report, pictures = examine_manifest(manifest)
    for check in report.checks:
        print(f"{check.severity:8} {check.code:28} {check.sentence}")
    for probe in report.shortcuts:
        print(f"probe    {probe.code:28} {probe.sentence}")
    write_doctor(folder / "doctor.html", report, pictures)
    print(f"page: {folder / 'doctor.html'}")

    # What to leave out is a proposal: delete a line of the file, and its film stays.
    write_exclusions(folder / "excluded.csv", proposed_exclusions(report))
    kept = exclude_films(manifest, folder / "excluded.csv")
    print(f"{len(manifest) - len(kept)} of {len(manifest)} films left out")


def plant_faults(manifest: Manifest) -> None:
    """Spoil some films: one cut short, one missing, three inverted, one on its head, one of train also in test."""
    train, test = (manifest.rows(split) for split in ("train", "test"))
    paths = manifest.paths()
    cut, missing, *inverted, turned, twice = (paths[row] for row in train[:7])
    cut.write_bytes(cut.read_bytes()[:2000])
    missing.unlink()
    for path in inverted:
        write_png(path, 255 - film_of(path))
    write_png(turned, np.ascontiguousarray(film_of(turned)[::-1, ::-1]))
    write_png(paths[test[0]], film_of(twice))


def film_of(path: Path) -> np.ndarray:
    return np.rint(read_image(path).pixels * 255).astype(np.uint8)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "work/doctor"))
