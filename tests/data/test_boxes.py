import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.data import find_box_file, place_boxes, read_boxes, write_phantoms
from hilum.errors import DataError
from hilum.imaging import place_in_square
from hilum.phantoms import render_film

HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"


def written(folder, text, name="BBox_List_2017.csv"):
    path = folder / name
    path.write_text(text)
    return path


def test_nihs_form_is_read_with_its_odd_header_and_its_old_name(tmp_path):
    path = written(tmp_path, HEADER + "a.png,Infiltrate,1.5,2,3,4\na.png,Mass,5,6,7,8\na.png,Infiltrate,0,0,1,1\n")
    boxes = read_boxes(path)
    assert (len(boxes), boxes.side_px, boxes.source) == (3, 1024, path.name)
    assert boxes.findings == ("Infiltration", "Mass", "Infiltration")
    by_film = boxes.by_film()
    np.testing.assert_array_equal(by_film["a.png", "Infiltration"], [[1.5, 2, 3, 4], [0, 0, 1, 1]])
    np.testing.assert_array_equal(by_film["a.png", "Mass"], [[5, 6, 7, 8]])


def test_a_table_of_ones_own_is_read(tmp_path):
    path = written(tmp_path, "image_id,finding,x,y,w,h\nb,Pleural Thickening,1,2,3,4\n", "own.csv")
    assert read_boxes(path, side_px=0).side_px is None
    assert read_boxes(path, side_px=512).side_px == 512
    assert read_boxes(path).findings == ("Pleural_Thickening",)


def test_gzip_and_a_folder(tmp_path):
    (tmp_path / "deep").mkdir()
    file = tmp_path / "deep" / "BBox_List_2017.csv.gz"
    file.write_bytes(gzip.compress((HEADER + "a.png,Mass,1,2,3,4\n").encode()))
    assert find_box_file(tmp_path) == file
    assert len(read_boxes(tmp_path)) == 1
    written(tmp_path, HEADER)
    with pytest.raises(DataError, match="holds 2 files BBox_List_2017"):
        read_boxes(tmp_path)


def test_no_list_is_said(tmp_path):
    with pytest.raises(DataError, match=r"holds no file BBox_List_2017\*\.csv\*: name the list of boxes"):
        read_boxes(tmp_path)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a.png,Mas,1,2,3,4", "line 2: unknown finding 'Mas'. Did you mean 'Mass'"),
        ("a.png,Mass,1,2,x,4", "line 2: '1, 2, x, 4' is no box"),
        ("a.png,Mass,1,2,0,4", "line 2: '1, 2, 0, 4' is no box; expected left, top, width and height"),
        ("a.png,Mass,1,2,nan,4", "line 2: '1, 2, nan, 4' is no box"),
    ],
)
def test_a_row_that_is_no_box_is_said(tmp_path, row, words):
    with pytest.raises(DataError) as error:
        read_boxes(written(tmp_path, HEADER + row + "\n"))
    assert words in str(error.value)


def test_boxes_of_phantoms_are_in_their_own_pixels(tmp_path):
    write_phantoms(tmp_path, count=6, size_px=64, seed=2)
    boxes = read_boxes(tmp_path)
    assert boxes.side_px is None
    films = [render_film(2, index, size_px=64) for index in range(6)]
    assert len(boxes) == sum(len(found) for film in films for found in film.boxes.values()) > 0
    film = next(film for film in films if film.boxes)
    finding, found = next((name, found) for name, found in film.boxes.items() if found)
    key = (f"{film.patient_number:08d}_{film.follow_up:03d}.png", finding)
    np.testing.assert_array_equal(boxes.by_film()[key], found)


@given(st.tuples(st.integers(20, 300), st.integers(20, 300)), st.sampled_from(["stretch", "pad"]))
def test_a_box_drawn_in_the_square_comes_back_to_its_place_on_the_film(shape, rule):
    own = np.array([[2.0, 3.0, 10.0, 12.0]])
    top, left, height, width = place_in_square(shape, 1024, rule=rule)
    scale = np.array([width / shape[1], height / shape[0]])
    drawn = np.concatenate([own[:, :2] * scale + (left, top), own[:, 2:] * scale], axis=1)
    np.testing.assert_allclose(place_boxes(drawn, shape, side_px=1024, rule=rule), own, atol=1e-9)


def test_boxes_are_cut_off_at_the_film_and_left_out_beyond_it():
    boxes = np.array([[-5.0, 8.0, 10.0, 10.0], [20.0, 0.0, 5.0, 5.0]])
    np.testing.assert_array_equal(place_boxes(boxes, (10, 20)), [[0, 8, 5, 2]])
    assert place_boxes(np.zeros((0, 4)), (10, 20), side_px=64).shape == (0, 4)


@pytest.mark.shared
def test_nihs_own_list(shared_data):
    boxes = read_boxes(shared_data / "nih-metadata" / "BBox_List_2017.csv.gz")
    assert (len(boxes), len(set(boxes.image_ids)), len(set(boxes.findings))) == (984, 880, 8)
    assert boxes.findings.count("Infiltration") == 123
    assert (boxes.boxes[:, :2] + boxes.boxes[:, 2:]).max() <= 1024


def test_a_box_that_stands_twice_is_refused(tmp_path):
    path = written(tmp_path, HEADER + "a.png,Infiltrate,1,2,3,4\na.png,Mass,1,2,3,4\na.png,Infiltration,1.0,2,3,4\n")
    with pytest.raises(
        DataError, match="line 4: the same box of the same finding on the same film as line 2: keep one"
    ):
        read_boxes(path)
