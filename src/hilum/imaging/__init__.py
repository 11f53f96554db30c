"""Films of any kind into one canonical array, or a refusal with a stable code; and pictures back out."""

from hilum.imaging.dicom_writer import write_dicom
from hilum.imaging.film import IMAGE_ENDINGS, read_image, read_square
from hilum.imaging.film_reader import FilmReader, ReadLimits
from hilum.imaging.flag import FLAGS
from hilum.imaging.header_facts import header_facts
from hilum.imaging.picture_file import encode_png, write_png
from hilum.imaging.refusal import REFUSALS
from hilum.imaging.square import ResizeRule, place_in_square, resize_square

__all__ = [
    "FLAGS",
    "IMAGE_ENDINGS",
    "REFUSALS",
    "FilmReader",
    "ReadLimits",
    "ResizeRule",
    "encode_png",
    "header_facts",
    "place_in_square",
    "read_image",
    "read_square",
    "resize_square",
    "write_dicom",
    "write_png",
]
