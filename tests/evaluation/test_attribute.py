import numpy as np
import pandas as pd
import pytest

from hilum.evaluation import film_attributes, quality_attributes, store_attributes
from hilum.evaluation.attribute import AGE_BANDS, QUARTERS
from hilum.imaging import FilmQuality, film_quality

NAN = float("nan")


@pytest.mark.parametrize(("years", "band"), [
    (0, "0-19"), (19.99, "0-19"), (20, "20-39"), (39, "20-39"), (40, "40-59"), (60, "60-79"), (79.9, "60-79"),
    (80, "80+"), (110, "80+"), (111, ""), (-1, ""), (NAN, ""), ("057Y", "40-59"), ("018M", "0-19"), ("414", ""),
    ("", ""), (None, ""), (np.float32(65), "60-79"), (np.int64(65), "60-79"),
])  # fmt: skip
def test_age_bands(years, band):
    assert film_attributes({"age_years": [years]})["age"].tolist() == [band]


@pytest.mark.parametrize(("sex", "level"), [
    ("M", "male"), ("F", "female"), ("f", "female"), ("Male", "male"), ("O", "other"), ("", ""), (NAN, ""), (None, ""),
    ("?", ""),
])  # fmt: skip
def test_sexes(sex, level):
    assert film_attributes({"sex": [sex]})["sex"].tolist() == [level]


def test_a_manifests_table_and_nihs_columns_say_the_same():
    table = pd.DataFrame({"sex": ["M", "F"], "age_years": [57.0, NAN], "view": ["AP", ""], "source": ["a", "b"]})
    columns = {"Patient Gender": ["M", "F"], "Patient Age": ["057Y", ""], "View Position": ["AP", ""]}
    ours, theirs = film_attributes(table), film_attributes(columns)
    assert list(ours) == ["sex", "age", "view", "source"]
    assert list(theirs) == ["sex", "age", "view"]
    for name, levels in theirs.items():
        np.testing.assert_array_equal(ours[name], levels)
    assert ours["source"].tolist() == ["a", "b"]
    assert film_attributes({"Patient Sex": ["F"], "other": [1]})["sex"].tolist() == ["female"]
    assert film_attributes({}) == {}


def test_bands_and_quarters_stand_in_the_order_of_their_text():
    assert sorted(AGE_BANDS) == list(AGE_BANDS)
    assert sorted(QUARTERS) == list(QUARTERS)
    assert all("quarter" in name for name in QUARTERS)  # each speaks for itself, alone in a sentence


def test_quarters_hold_equally_many_films():
    qualities = [FilmQuality(contrast=n, sharpness=-n, noise=1.0, brightness=NAN) for n in range(8)]
    levels = quality_attributes(qualities)
    assert list(levels) == list(FilmQuality._fields)
    assert levels["contrast"].tolist() == [quarter for quarter in QUARTERS for _ in range(2)]
    assert levels["sharpness"].tolist() == levels["contrast"].tolist()[::-1]
    assert set(levels["noise"]) == {QUARTERS[0]}
    assert set(levels["brightness"]) == {""}


def test_no_film_has_no_quarter():
    assert [len(levels) for levels in quality_attributes([]).values()] == [0, 0, 0, 0]


class Store:
    """As much of a pixel store as is asked for."""

    def __init__(self, films):
        self.films = films

    def read(self, rows):
        return self.films[rows]


@pytest.mark.parametrize("size_px", [32, 513])
def test_films_of_a_store_are_measured_in_the_order_of_the_rows(size_px):
    rng = np.random.default_rng(0)
    films = (rng.permutation(70)[:, None, None] + rng.integers(20, 50, (70, 32, 32))).astype(np.uint8)
    large = films
    if size_px > 256:
        films = films.repeat(8, 1).repeat(8, 2)
        large = np.pad(films.repeat(2, 1).repeat(2, 2), ((0, 0), (0, 1), (0, 1)), constant_values=9)
    rows = rng.permutation(70)
    levels = store_attributes(Store(large), rows)
    expected = quality_attributes([film_quality(film) for film in films[rows]])
    for name, quarters in expected.items():
        np.testing.assert_array_equal(levels[name], quarters)
