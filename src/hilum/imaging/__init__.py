"""Films of any kind into one canonical array, or a refusal with a stable code; and pictures back out."""

from hilum.imaging.burned_in import TextBox, text_boxes
from hilum.imaging.deidentify import CleanFilm, deidentify_film
from hilum.imaging.deidentify_folder import CleanFolder, deidentify_folder
from hilum.imaging.dicom_tree import DicomTree, find_dicom
from hilum.imaging.dicom_writer import write_dicom
from hilum.imaging.film import IMAGE_ENDINGS, read_image, read_square
from hilum.imaging.film_reader import FilmReader, ReadLimits, SquareFilm
from hilum.imaging.flag import FLAGS
from hilum.imaging.header_facts import header_facts
from hilum.imaging.identity import FilmIdentity, identity_record, pixel_record, read_identity
from hilum.imaging.identity_key import PSEUDONYM_LENGTH, IdentityKey, open_key
from hilum.imaging.picture_file import encode_png, read_picture, write_png
from hilum.imaging.quality import FilmQuality, film_quality
from hilum.imaging.refusal import REFUSALS
from hilum.imaging.square import ResizeRule, place_in_square, resize_square
from hilum.imaging.thumbnail import thumbnail_record

__all__ = [
    "FLAGS",
    "IMAGE_ENDINGS",
    "PSEUDONYM_LENGTH",
    "REFUSALS",
    "CleanFilm",
    "CleanFolder",
    "DicomTree",
    "FilmIdentity",
    "FilmQuality",
    "FilmReader",
    "IdentityKey",
    "ReadLimits",
    "ResizeRule",
    "SquareFilm",
    "TextBox",
    "deidentify_film",
    "deidentify_folder",
    "encode_png",
    "film_quality",
    "find_dicom",
    "header_facts",
    "identity_record",
    "open_key",
    "pixel_record",
    "place_in_square",
    "read_identity",
    "read_image",
    "read_picture",
    "read_square",
    "resize_square",
    "text_boxes",
    "thumbnail_record",
    "write_dicom",
    "write_png",
]
