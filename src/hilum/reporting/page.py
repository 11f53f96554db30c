"""Templates into pages: everything escaped, nothing loaded from outside."""

import base64
import io
from importlib.resources import files

import numpy as np
from jaxtyping import UInt8
from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape

from hilum.imaging import resize_square

__all__ = ["film_uri", "jpeg_uri", "render_page"]

_QUALITY = 82


def render_page(template: str, **values: object) -> str:
    """Return the page that a template of ``resources/templates`` makes; a value it lacks is an error."""
    environment = Environment(
        loader=FunctionLoader(_read_template),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(values)


def film_uri(pixels: UInt8[np.ndarray, "..."], size_px: int) -> str:
    """Return a film (height, width) or a film in colour (height, width, 3) as a small JPEG that stands in a page.

    It becomes a square of ``size_px`` with black at its shorter sides; a smaller one keeps its size.
    """
    from matplotlib.image import imsave

    colour = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    side = min(size_px, max(colour.shape[:2]))
    layers = [resize_square(colour[..., layer].astype(np.float32) / 255, side) for layer in range(3)]
    buffer = io.BytesIO()
    imsave(buffer, np.stack(layers, axis=2), format="jpeg", pil_kwargs={"quality": _QUALITY, "optimize": True})
    return jpeg_uri(buffer.getvalue())


def jpeg_uri(content: bytes) -> str:
    """Return a JPEG file's bytes as an address that stands in a page."""
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"


def _read_template(name: str) -> str:
    return (files("hilum") / "resources" / "templates" / name).read_text(encoding="utf-8")
