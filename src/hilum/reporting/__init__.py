"""Records into pages, figures and model cards that people read; no number is computed here."""

from hilum.reporting.gallery import GalleryFilm
from hilum.reporting.report import write_report

__all__ = ["GalleryFilm", "write_report"]
