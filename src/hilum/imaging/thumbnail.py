"""A film at a glance: a small square for looking at whole data sets, made where the film is decoded."""

from pathlib import Path

from hilum.imaging.decode_message import Record
from hilum.imaging.film import read_image
from hilum.imaging.square import place_in_square, resize_square

__all__ = ["thumbnail_record"]


def thumbnail_record(path: Path, size_px: int) -> Record:
    """Return a film as a small square, its place in it (top, left, height, width), its size, view and flags."""
    image = read_image(path)
    return {
        "pixels": resize_square(image.pixels, size_px),
        "box": list(place_in_square(image.pixels.shape, size_px)),
        "size": [image.facts.height_px, image.facts.width_px],
        "view": image.facts.view,
        "flags": list(image.facts.flags),
    }
