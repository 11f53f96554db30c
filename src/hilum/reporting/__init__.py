"""Records into pages, figures and model cards that people read; nothing is measured here."""

from hilum.reporting.card import model_card, write_card
from hilum.reporting.comparison import write_comparison
from hilum.reporting.description import write_description
from hilum.reporting.doctor import write_doctor
from hilum.reporting.figure import write_figures
from hilum.reporting.gallery import FilmError, GalleryFilm
from hilum.reporting.learning_curve import write_learning_curve
from hilum.reporting.localisation import MarkedFilm, write_localisation
from hilum.reporting.report import write_report

__all__ = [
    "FilmError",
    "GalleryFilm",
    "MarkedFilm",
    "model_card",
    "write_card",
    "write_comparison",
    "write_description",
    "write_doctor",
    "write_figures",
    "write_learning_curve",
    "write_localisation",
    "write_report",
]
