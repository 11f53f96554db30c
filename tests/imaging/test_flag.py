import re
from pathlib import Path

import pytest

import hilum.imaging
from hilum.errors import UnknownNameError
from hilum.imaging import FLAGS
from hilum.imaging.flag import in_order


def test_every_code_has_a_meaning_that_is_a_sentence():
    for code, meaning in FLAGS.items():
        assert re.fullmatch(r"[a-z_]+", code)
        assert meaning.endswith(".")


def test_the_worst_comes_first_and_each_code_once():
    assert in_order(["lossy", "polarity", "lossy"]) == ("polarity", "lossy")
    assert in_order([]) == ()


def test_a_code_that_is_no_code():
    with pytest.raises(UnknownNameError, match="Did you mean 'lossy'"):
        in_order(["losy"])


def test_no_flag_is_appended_that_the_table_does_not_know():
    for path in Path(hilum.imaging.__file__).parent.glob("*.py"):
        for code in re.findall(r"flags\.append\(\"(\w+)\"\)", path.read_text("utf-8")):
            assert code in FLAGS, path.name
