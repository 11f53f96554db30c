"""What a decoder can be asked for: tasks, from a path to a plain record."""

from pathlib import Path

from hilum.imaging.decode_message import Record
from hilum.imaging.film import read_image, read_square
from hilum.imaging.square import ResizeRule, resize_square

__all__ = ["film_record", "read_record", "square_record"]


def read_record(path: Path) -> Record:
    """Return a film's pixels and facts."""
    image = read_image(path)
    return {"pixels": image.pixels, "facts": image.facts.model_dump(mode="json")}


def film_record(path: Path, size_px: int, rule: ResizeRule) -> Record:
    """Return a film as a square, and its facts: what an answer needs, without the film's own pixels."""
    image = read_image(path)
    return {
        "pixels": resize_square(image.pixels, size_px, rule=rule),
        "facts": image.facts.model_dump(mode="json"),
    }


def square_record(path: Path, size_px: int, rule: ResizeRule) -> Record:
    """Return a film as a square."""
    return {"pixels": read_square(path, size_px, rule=rule)}
