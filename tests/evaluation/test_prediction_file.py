import gzip

import numpy as np
import pytest

from hilum.errors import DataError
from hilum.evaluation import read_predictions


@pytest.fixture
def write(tmp_path):
    def write(text, name="p.csv"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write


@pytest.mark.parametrize("image", ["Image Index", "image_id"])
@pytest.mark.parametrize("prefix", ["prob_", "probability_", "", "Prob_"])
@pytest.mark.parametrize("thickening", ["Pleural_Thickening", "Pleural Thickening", "pleural_thickening"])
@pytest.mark.parametrize("name", ["p.csv", "p.csv.gz"])
def test_every_form_of_column_is_read(write, image, prefix, thickening, name):
    path = write(f"{image},{prefix}Mass,{prefix}{thickening}\na.png,0.25,0.5\nb.png,1,0.125\n", name)
    table = read_predictions(path)
    assert table.image_ids == ("a.png", "b.png")
    assert table.findings == ("Mass", "Pleural_Thickening")
    np.testing.assert_array_equal(table.probabilities, [[0.25, 0.5], [1, 0.125]])
    assert (table.n_refused, table.ignored, table.source) == (0, (), name)


@pytest.mark.parametrize(
    "image", ["image index", "Image_Index", "IMAGE-ID", "Image", "image_name", "filename", "File", "path"]
)
@pytest.mark.parametrize("thickening", ["PleuralThickening", "prob_pleural-thickening", "PROB_PLEURAL THICKENING"])
def test_case_blanks_dashes_and_underscores_in_names_do_not_count(write, image, thickening):
    table = read_predictions(write(f"mass,{image},{thickening}\n0.25,a.png,0.5\n"))
    assert (table.image_ids, table.findings) == (("a.png",), ("Mass", "Pleural_Thickening"))
    np.testing.assert_array_equal(table.probabilities, [[0.25, 0.5]])
    assert table.ignored == ()


def test_names_of_labels_are_read_as_freely_as_names_of_probabilities(write):
    table = read_predictions(
        write("image_id,Mass,Pleural Thickening,target_mass,TARGET_pleural thickening\na,0.1,0.2,1,0\n")
    )
    np.testing.assert_array_equal(table.targets, [[1, 0]])
    with pytest.raises(DataError, match="columns 'target_Mass' and 'target_mass' are both Mass: keep one"):
        read_predictions(write("image_id,Mass,target_Mass,target_mass\na,0.1,1,0\n"))


def test_labels_and_scores_of_what_has_no_probability_are_told(write):
    table = read_predictions(
        write(
            "image_id,probability_Mass,score_Mass,call_Mass,score_Edema,target_Mass,target_Edema,target_Foo\n"
            "a,0.1,-2,absent,0.2,1,0,1\n"
        )
    )
    assert (table.findings, table.ignored) == (("Mass",), ("score_Edema", "target_Edema", "target_Foo"))


def test_the_likeliest_of_several_columns_of_films_is_taken(write):
    table = read_predictions(write("path,image,Image Index,prob_Mass\n/x/a.png,b,a.png,0.5\n"))
    assert (table.image_ids, table.ignored) == (("a.png",), ("image",))


def test_hilums_own_form_is_read_and_refused_films_are_counted(write):
    path = write(
        "image_id,path,status,reason,score_Mass,score_Hernia,probability_Mass,probability_Hernia,call_Mass,call_Hernia\n"
        "a.png,x/a.png,answered,,0.9,0.1,0.25,0.5,present,absent\n"
        "b.png,x/b.png,refused,truncated,,,,,,\n"
    )
    table = read_predictions(path)
    assert table.image_ids == ("a.png",)
    assert table.findings == ("Mass", "Hernia")
    np.testing.assert_array_equal(table.probabilities, [[0.25, 0.5]])
    assert (table.n_refused, table.ignored) == (1, ())


def test_probability_wins_over_prob_over_the_bare_name(write):
    table = read_predictions(
        write("image_id,Mass,prob_Mass,probability_Mass,prob_Hernia,Hernia\na,0.1,0.2,0.3,0.4,1\n")
    )
    assert table.findings == ("Mass", "Hernia")
    np.testing.assert_array_equal(table.probabilities, [[0.3, 0.4]])
    assert table.ignored == ("Mass", "prob_Mass", "Hernia")


def test_strange_columns_are_ignored_and_named(write):
    table = read_predictions(write("image_id,fold,prob_Mass,prob_Efusion\na,3,0.2,0.3\n"))
    assert table.findings == ("Mass",)
    assert table.ignored == ("fold", "prob_Efusion")


def test_a_column_that_rounding_made_all_zero_is_read(write):
    table = read_predictions(write("image_id,prob_Mass,prob_Hernia\na,0.20,0.00\nb,0.31,0.00\n"))
    np.testing.assert_array_equal(table.probabilities, [[0.2, 0], [0.31, 0]])


def test_the_order_of_the_file_is_kept(write):
    assert read_predictions(write("image_id,Hernia,prob_Mass\na,0.1,0.2\n")).findings == ("Hernia", "Mass")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "image_id,prob_Mass\na,0.1\nb,1.01\n",
            r"p\.csv line 3: prob_Mass is '1.01'; expected a probability between 0",
        ),
        ("image_id,prob_Mass\na,-0.1\n", "line 2: prob_Mass is '-0.1'"),
        ("image_id,prob_Mass\na,-3.2\n", r"\(turn logits x into 1 / \(1 \+ exp\(-x\)\), percent into shares\)"),
        ("image_id,prob_Mass\na,inf\n", "line 2: prob_Mass is 'inf'.*leave out films"),
        ("image_id,prob_Mass\na,0.1\n,0.2\n", "line 3: image_id is empty; expected the name of a film"),
        ("image_id,prob_Mass\na,nan\n", "line 2: prob_Mass is 'nan'"),
        ("image_id,prob_Mass\na,\n", "line 2: prob_Mass is empty.*not answered"),
        ("image_id,prob_Mass\na,0.1\n\nb,high\n", "line 4: prob_Mass is 'high'"),
        ("image_id,prob_Mass\na,0\nb,1\n", r"holds calls \(0 and 1 alone\) in prob_Mass, not probabilities"),
        ("image_id,prob_Mass,Hernia,Edema\na,0.2,0,1\nb,0.3,1,0\n", "holds calls .* in Hernia, Edema, not"),
        ("image_id,view\na,PA\n", r"no column of probabilities: expected .*prob_Effusion. Its columns: image_id, view"),
        ("film,prob_Mass\na,0.1\n", "no column 'Image Index' or 'image_id'"),
        (
            "image_id,prob_Pleural Thickening,prob_Pleural_Thickening\na,0.1,0.2\n",
            "are both Pleural_Thickening: keep one",
        ),
        ("image_id,status,prob_Mass\na,refused,\n", "none of 1 films was answered"),
        ("image_id,prob_Mass\n", "no row"),
        ("", "empty"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(write, text, message):
    with pytest.raises(DataError, match=message):
        read_predictions(write(text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"there is no prediction file .*gone\.csv"):
        read_predictions(tmp_path / "gone.csv")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("image_id,Mass\na,0,37\nb,0,5\n", 2),
        ("image_id,Mass\na,0.37\n\nb,0.5,note\n", 4),
        ("image_id,Mass\nDoe, J,0.5\n", 2),
    ],
)
def test_rows_longer_than_the_header_are_refused_and_never_read_shifted(write, text, line):
    with pytest.raises(DataError, match=rf"line {line}: more cells than the header's 2\. .*0\.37, not 0,37"):
        read_predictions(write(text))
    assert read_predictions(write("image_id,Mass\na,0.37,\nb,0.5, \n")).probabilities.tolist() == [[0.37], [0.5]]


@pytest.mark.parametrize(
    ("cell", "advice"),
    [
        ("37%", "turn percent into shares"),
        ('"0,37"', "write a point for the comma"),
        ("x", "leave out"),
        ("nan", "leave out"),
    ],
)
def test_a_cell_that_is_no_share_comes_with_what_to_do(write, cell, advice):
    with pytest.raises(DataError, match=advice):
        read_predictions(write(f"image_id,Mass\na,{cell}\n"))
