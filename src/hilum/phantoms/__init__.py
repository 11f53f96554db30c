"""Made-up radiographs from first principles, with targets, masks and boxes."""

from hilum.phantoms.case import SIGNS, Case, draw_case
from hilum.phantoms.render import Box, Phantom, render_film, render_phantom

__all__ = ["SIGNS", "Box", "Case", "Phantom", "draw_case", "render_film", "render_phantom"]
