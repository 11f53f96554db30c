"""By what films are told apart when a model is judged on parts of them: a level per film, empty where it is unknown."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64, Int64, Shaped, UInt8

from hilum.data import Manifest, PixelStore, parse_age
from hilum.imaging import FilmQuality, film_quality

__all__ = ["AGE_BANDS", "film_attributes", "manifest_attributes", "quality_attributes", "store_attributes"]

AGE_BANDS = ("0-19", "20-39", "40-59", "60-79", "80+")
"""Years of age, both ends included."""

QUARTERS = ("1st quarter (lowest)", "2nd quarter", "3rd quarter", "4th quarter (highest)")

_BAND_YEARS, _OLDEST_YEARS = 20, 110
_QUALITY_PX, _BLOCK = 256, 64
_COLUMNS = {
    "sex": ("sex", "Patient Gender", "Patient Sex"),
    "age": ("age_years", "Patient Age"),
    "view": ("view", "View Position"),
    "source": ("source",),
}
_SEXES = {"m": "male", "male": "male", "f": "female", "female": "female", "o": "other", "other": "other"}


def film_attributes(
    columns: Mapping[str, Sequence[object]],
) -> dict[str, Shaped[np.ndarray, " image"]]:
    """Return sex, age band, view and source of films; an attribute that no column tells of is left out.

    Args:
        columns: A manifest's table (``sex``, ``age_years``, ``view``, ``source``), or the columns of a label file in
            NIH's form (``Patient Gender`` or ``Patient Sex``, ``Patient Age``, ``View Position``); one cell per film.

    Returns:
        Name to levels. An age above 110 years is unknown.

    Example:
        >>> film_attributes({"Patient Age": ["057Y", "414"], "View Position": ["AP", "PA"]})
        {'age': array(['40-59', ''], dtype='<U5'), 'view': array(['AP', 'PA'], dtype='<U2')}
    """
    levels = {"sex": _sex, "age": _age_band, "view": _text, "source": _text}
    found = {}
    for attribute, names in _COLUMNS.items():
        name = next((name for name in names if name in columns), None)
        if name is not None:
            found[attribute] = np.array([levels[attribute](cell) for cell in columns[name]], dtype=np.str_)
    return found


def manifest_attributes(
    manifest: Manifest, rows: Int64[np.ndarray, " image"]
) -> dict[str, Shaped[np.ndarray, " image"]]:
    """Return :func:`film_attributes` of rows of a manifest."""
    table = manifest.table.iloc[rows]
    return film_attributes({name: table[name].tolist() for name in table.columns})


def quality_attributes(qualities: Sequence[FilmQuality]) -> dict[str, Shaped[np.ndarray, " image"]]:
    """Return the quarter of each film by contrast, sharpness, noise and brightness, among these films.

    Films of the same value share a quarter, so quarters need not be equal, and may be fewer. A film without a value is
    unknown.
    """
    table = np.array(qualities, dtype=np.float64).reshape(len(qualities), len(FilmQuality._fields))
    return {name: _quarters(table[:, place]) for place, name in enumerate(FilmQuality._fields)}


def store_attributes(store: PixelStore, rows: Int64[np.ndarray, " image"]) -> dict[str, Shaped[np.ndarray, " image"]]:
    """Return :func:`quality_attributes` of films of a pixel store; a millisecond each.

    Squares of 512 pixels and more are averaged down to 256 or a little more first: the four numbers then say nothing
    of finer grain.

    Args:
        store: Pixels.
        rows: Rows of the store, in the order of the films.
    """
    films = (film for start in range(0, len(rows), _BLOCK) for film in store.read(rows[start : start + _BLOCK]))
    return quality_attributes([film_quality(_average_down(film)) for film in films])


def _average_down(film: UInt8[np.ndarray, "size size"]) -> UInt8[np.ndarray, "smaller smaller"]:
    times = len(film) // _QUALITY_PX
    if times < 2:
        return film
    side = len(film) // times
    blocks = film[: side * times, : side * times].reshape(side, times, side, times)
    averaged: UInt8[np.ndarray, "smaller smaller"] = np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)
    return averaged


def _quarters(values: Float64[np.ndarray, " image"]) -> Shaped[np.ndarray, " image"]:
    defined = np.isfinite(values)
    rising = np.sort(values[defined])
    place = np.searchsorted(rising, values, side="left") * len(QUARTERS) // max(len(rising), 1)
    named = np.array(QUARTERS)[np.minimum(place, len(QUARTERS) - 1)]
    return np.where(defined, named, "")


def _sex(cell: object) -> str:
    return _SEXES.get(_text(cell).casefold(), "")


def _age_band(cell: object) -> str:
    years = float(cell) if isinstance(cell, int | float | np.number) else parse_age(_text(cell))
    if not 0 <= years <= _OLDEST_YEARS:
        return ""
    return AGE_BANDS[min(int(years) // _BAND_YEARS, len(AGE_BANDS) - 1)]


def _text(cell: object) -> str:
    """Return the cell's text; empty for None and NaN."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    return str(cell).strip()
