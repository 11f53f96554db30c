"""Measures the judge of single films on real films, their transformed copies and pictures of other things.

Run: ``python tools/measure_film_judge.py FOLDER_OF_FILMS [FOLDER_OF_OTHER_PICTURES]``. Takes films to be proper; a few
are not. Every second film is for choosing limits, the others are for reporting: both are printed, with counts.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hilum.errors import ImageRefusedError
from hilum.imaging.content_box import find_content_box
from hilum.imaging.film import read_image
from hilum.imaging.film_judge import POSES, Judgement, judge_film

MOST_FILMS, MOST_COPIES, SEED = 4000, 600, 0
QUANTILES = (0.99, 0.995, 0.998)
NAMES = [
    f"{turn} degrees{', inverted' if inverted else ''}" for inverted in (False, True) for turn in (0, 90, 180, 270)
]


def main(arguments: Sequence[str]) -> int:
    """Print what the judge says."""
    films = pictures(Path(arguments[0]), MOST_FILMS)
    for half, part in (("limits", films[::2]), ("report", films[1::2])):
        judged = [judge(film) for film in part]
        say(f"{half}: {len(part)} films as they are", judged)
        for name in ("polarity", "turned", "unlike"):
            values = [getattr(judgement, name) for judgement in judged]
            quantiles = ", ".join(f"{share:.1%} {np.quantile(values, share):.2f}" for share in QUANTILES)
            sys.stdout.write(f"  {name}: {quantiles}\n")
        for pose in range(1, POSES):
            copies = [posed(film, pose) for film in part[:MOST_COPIES]]
            say(f"  {len(copies)} films at {NAMES[pose]}", [judge(copy) for copy in copies])
    for folder in arguments[1:]:
        others = pictures(Path(folder), MOST_FILMS)
        parts = [part for picture in others for part in quarters(picture)]
        for name, group in (("other pictures", others), ("their quarters", parts)):
            judged = [judge(picture) for picture in group]
            say(f"{len(group)} {name}", judged)
            sys.stdout.write(f"  unlike: {np.quantile([j.unlike for j in judged], [0, 0.1, 0.25, 0.5]).round(2)}\n")
    return 0


def pictures(folder: Path, most: int) -> list[np.ndarray]:
    """Return the films of a folder that can be read, a random part of them if there are more."""
    paths = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in {".png", ".jpg", ".jpeg", ".tif", ".dcm"}
    )
    chosen = np.random.default_rng(SEED).permutation(len(paths))[:most]
    found = []
    for row in chosen:
        try:
            found.append(read_image(paths[row]).pixels)
        except ImageRefusedError:
            continue
    return found


def judge(pixels: np.ndarray) -> Judgement:
    """Judge a film as ``read_image`` does."""
    box = find_content_box(pixels)
    top, left, height, width = box or (0, 0, *pixels.shape)
    return judge_film(pixels[top : top + height, left : left + width])


def posed(pixels: np.ndarray, pose: int) -> np.ndarray:
    """Return the film turned by quarters, inverted from the fifth pose on."""
    return np.rot90(1 - pixels if pose >= POSES // 2 else pixels, pose % 4)


def quarters(pixels: np.ndarray) -> list[np.ndarray]:
    """Return the four quarters of a picture."""
    row, column = pixels.shape[0] // 2, pixels.shape[1] // 2
    return [part for rows in (pixels[:row], pixels[row:]) for part in (rows[:, :column], rows[:, column:])]


def say(what: str, judged: Sequence[Judgement]) -> None:
    """Print how often each flag is raised."""
    n = len(judged)
    counts = {code: sum(code in j.flags for j in judged) for code in ("polarity", "turned", "unlike_chest")}
    shares = ", ".join(f"{code} {count} ({count / max(1, n):.1%})" for code, count in counts.items())
    sys.stdout.write(f"{what}: {shares}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
