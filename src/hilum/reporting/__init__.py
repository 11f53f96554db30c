"""Records into pages, figures and model cards that people read; nothing is measured here."""

from hilum.reporting.card import model_card
from hilum.reporting.description import write_description
from hilum.reporting.doctor import write_doctor
from hilum.reporting.figure import write_figures
from hilum.reporting.gallery import FilmError, GalleryFilm
from hilum.reporting.report import write_report

__all__ = [
    "FilmError",
    "GalleryFilm",
    "model_card",
    "write_description",
    "write_doctor",
    "write_figures",
    "write_report",
]
