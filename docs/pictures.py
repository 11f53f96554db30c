"""Makes the pictures of the documentation anew.

Run: ``python docs/pictures.py`` for all of them, ``python docs/pictures.py phantoms`` for one. ``report`` and
``explain`` show what ``make demo`` left in ``runs/demo``, ``doctor`` what ``examples/02_doctor.py`` writes;
``report`` and ``doctor`` need Chromium on the path.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hilum.data import read_manifest
from hilum.explain import explain_image, overlay
from hilum.findings import NIH_FINDINGS
from hilum.imaging import read_image
from hilum.inference import Predictor
from hilum.models import load_bundle
from hilum.phantoms import draw_case, render_phantom

FOLDER = Path(__file__).parent / "pictures"
DEMO = Path(__file__).parents[1] / "runs" / "demo"
EXAMPLE = Path(__file__).parents[1] / "examples" / "02_doctor.py"


def phantoms(path: Path) -> None:
    """Write a contact sheet: one phantom per finding, captioned."""
    film_px, caption_px, columns, gap = 188, 20, 7, 3
    rows = -(-len(NIH_FINDINGS) // columns)
    size = (columns * (film_px + gap) - gap, rows * (film_px + caption_px + gap) - gap)
    sheet, font = Image.new("L", size, 0), ImageFont.load_default(12)
    draw = ImageDraw.Draw(sheet)
    for number, finding in enumerate(NIH_FINDINGS):
        x, y = number % columns * (film_px + gap), number // columns * (film_px + caption_px + gap)
        film = render_phantom(draw_case(_PATIENTS[finding], 0, prevalence={finding: 1.0}), 4 * film_px).pixels
        small = film.reshape(film_px, 4, film_px, 4).mean(axis=(1, 3))
        sheet.paste(Image.fromarray(np.rint(small).astype(np.uint8)), (x, y))
        draw.text((x + film_px / 2, y + film_px + caption_px / 2), finding.replace("_", " "), 220, font, "mm")
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, quality=82, optimize=True, progressive=True)


_PATIENTS = {
    "Atelectasis": 5,
    "Cardiomegaly": 4,
    "Effusion": 3,
    "Infiltration": 8,
    "Mass": 2,
    "Nodule": 6,
    "Pneumonia": 4,
    "Pneumothorax": 8,
    "Consolidation": 5,
    "Edema": 4,
    "Emphysema": 0,
    "Fibrosis": 5,
    "Pleural_Thickening": 1,
    "Hernia": 3,
}
"""Seeds whose first film shows the finding well."""


def report(path: Path) -> None:
    """Write the first screen of the demo's report."""
    _photograph(DEMO / "report.html", path, height_px=1240)


def doctor(path: Path) -> None:
    """Write the first screen of what the doctor says of phantoms with planted faults."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, EXAMPLE, folder], check=True, capture_output=True, timeout=300)  # noqa: S603
        _photograph(Path(folder, "doctor.html"), path, height_px=1400)


def _photograph(page: Path, path: Path, *, height_px: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder, "shot.png")
        quiet = (
            "--disable-gpu",
            "--hide-scrollbars",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-sync",
        )
        size = (f"--window-size=1040,{height_px}", f"--screenshot={shot}", f"--user-data-dir={folder}/profile")
        command = [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-component-update",
            *quiet,
            *size,
            page.resolve().as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603 - our own page
        page_colours = Image.open(shot).convert("RGB")  # rare ones stay: by frequency alone red turns brown
        few = page_colours.quantize(160, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(path, optimize=True)


def explain(path: Path) -> None:
    """Write a row of test films of the demo, each with the heat map of a finding that is there and was called."""
    predictor = Predictor(load_bundle(DEMO / "bundle"))
    manifest = read_manifest(DEMO / "data" / "manifest.parquet")
    test = manifest.rows("test")
    images = [read_image(manifest.paths()[row]) for row in test]
    answers = [predictor.predict_image(image).findings for image in images]
    targets = manifest.targets(test)
    film_px, caption_px, gap = 216, 20, 3
    sheet, font = (
        Image.new("RGB", (len(_EXPLAINED) * (film_px + gap) - gap, film_px + caption_px)),
        ImageFont.load_default(12),
    )
    draw = ImageDraw.Draw(sheet)
    for number, finding in enumerate(_EXPLAINED):
        there = np.flatnonzero(targets[:, manifest.findings.index(finding)] == 1)
        film = max(there, key=lambda row: answers[row][finding].probability)
        colours = overlay(images[film], explain_image(predictor, images[film], finding))
        x = number * (film_px + gap)
        sheet.paste(Image.fromarray(colours).resize((film_px, film_px), Image.Resampling.LANCZOS), (x, 0))
        probability = answers[film][finding].probability
        caption = f"{finding.replace('_', ' ')} {'> 99 %' if probability > 0.99 else f'{100 * probability:.0f} %'}"
        draw.text((x + film_px / 2, film_px + caption_px / 2), caption, (220, 220, 220), font, "mm")
    sheet.save(path, quality=82, optimize=True, progressive=True)


_EXPLAINED = ("Effusion", "Pneumothorax", "Consolidation", "Cardiomegaly", "Mass", "Hernia")

PICTURES: dict[str, tuple[Callable[[Path], None], str]] = {
    "phantoms": (phantoms, "phantoms.jpg"),
    "report": (report, "report.png"),
    "explain": (explain, "explain.jpg"),
    "doctor": (doctor, "doctor.png"),
}
"""How each picture is made, and its file in ``docs/pictures``."""


def main() -> None:
    """Make the pictures asked for."""
    parser = argparse.ArgumentParser(description="Make the pictures of the documentation anew.")
    parser.add_argument("names", nargs="*", default=list(PICTURES), help=f"of {', '.join(PICTURES)}; by default all")
    names = parser.parse_args().names
    if unknown := sorted(set(names) - set(PICTURES)):
        parser.error(f"unknown picture {unknown[0]!r}: choose from {', '.join(PICTURES)}")
    for name in names:
        make, file = PICTURES[name]
        make(FOLDER / file)
        print(f"{FOLDER / file}: {(FOLDER / file).stat().st_size / 1024:.0f} KB")  # noqa: T201


if __name__ == "__main__":
    main()
