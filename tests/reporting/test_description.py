import re

import numpy as np
import pytest
from PIL import Image

from hilum.records import Description
from hilum.reporting import write_description
from hilum.reporting.description_chart import bar_chart, histogram_chart


@pytest.fixture(scope="module")
def written(tmp_path_factory, read_page, description, samples):
    folder = tmp_path_factory.mktemp("description") / "d"
    path = write_description(description, samples, [samples, samples[:2]], folder)
    return path, read_page(path.read_text(encoding="utf-8"))


def test_counts_are_the_records(written, description):
    path, page = written
    counts = page.tables["counts-table"]
    assert counts["Effusion"] == ["1,200", "37.5 %", "10"]
    assert counts["Pleural Thickening"][1].startswith("–")
    assert "no film has a known label" in page.said
    assert counts["No Finding"][0] == "2,000"
    assert "3,210 films of 999 patients" in page.said
    assert page.tables["split-table"]["films"] == ["2,500", "710"]
    assert page.tables["split-table"]["Effusion"] == ["1,000", "200"]
    matrix = page.tables["co-occurrence"]
    assert matrix["Pleural Thickening"] == ["34", "77", "0"]
    assert Description.from_json((path.parent / "describe.json").read_text()) == description


def test_every_bar_has_its_number(written):
    said = written[1].said
    for words in ("PA 3,000", "unknown 210", "<i>F</i> 3,210", "50-59 3,200", "10+ 99"):
        name, n = words.rsplit(" ", 1)
        assert re.search(rf"{re.escape(name)} (\S+ \S+ )?{n}", said)
    assert "2 of the films opened for this page could not be read" in said


def test_the_page_stands_alone_and_is_escaped(written):
    page = written[1]
    visible = re.sub(r"base64,[A-Za-z0-9+/=]+", "", page.text)
    assert not re.search(r"https?:|@import|url\(|\bnan\b|<script|<i>F", visible)
    assert [address[:22] for address in page.addresses] == ["data:image/jpeg;base64"] * 2


def test_pictures_are_written_and_show_the_films(written, samples):
    folder = written[0].parent
    for name in ("samples", "augmentation", "counts"):
        pixels = np.asarray(Image.open(folder / f"{name}.png").convert("L"))
        assert pixels.std() > 10
    assert sorted(path.name for path in folder.iterdir()) == [
        "augmentation.png", "counts.png", "describe.html", "describe.json", "samples.png",
    ]  # fmt: skip


def test_a_set_without_films_splits_or_ages_is_described(tmp_path, read_page):
    nothing = {"unknown": {}, "views": {}, "sexes": {}, "age_histogram": {}, "images_per_patient": {}, "splits": {}}
    counts = {"positives": {"Mass": 0}, "co_occurrence": {"Mass": {"Mass": 0}}, "pixel_histogram": (0.0,) * 64}
    empty = Description(n_images=0, n_patients=0, manifest_digest="", n_problems=0, **nothing, **counts)
    path = write_description(empty, [], [], tmp_path)
    page = read_page(path.read_text())
    assert "Not split yet" in page.said
    assert "img" not in page.tags
    assert not (tmp_path / "samples.png").exists()
    assert "Unreadable" not in page.said


def test_charts_of_nothing_are_empty():
    assert bar_chart({}, "x") == ""
    assert histogram_chart((), "x") == histogram_chart((0.0, 0.0), "x") == ""
    assert bar_chart({"a": 0}, "x").count("<rect") == 1


def test_bars_are_as_long_as_their_numbers():
    widths = [float(width) for width in re.findall(r'<rect[^>]* width="([\d.]+)"', bar_chart({"a": 100, "b": 25}, "x"))]
    assert widths[1] == pytest.approx(widths[0] / 4, abs=0.1)
