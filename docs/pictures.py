"""Makes the pictures of the documentation anew.

Run: ``python docs/pictures.py`` for all of them, ``python docs/pictures.py phantoms`` for one.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hilum.findings import NIH_FINDINGS
from hilum.phantoms import draw_case, render_phantom

FOLDER = Path(__file__).parent / "pictures"


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

PICTURES: dict[str, tuple[Callable[[Path], None], str]] = {
    "phantoms": (phantoms, "phantoms.jpg"),
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
