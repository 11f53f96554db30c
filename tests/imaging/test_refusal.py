import pickle

import pytest

from hilum.errors import ImageRefusedError, UnknownNameError
from hilum.imaging import REFUSALS
from hilum.imaging.refusal import LARGEST_PIXELS, check_size, refuse


def test_every_code_has_an_advice_that_is_a_sentence():
    for code, advice in REFUSALS.items():
        assert code == code.lower()
        assert advice.endswith(".")


def test_a_refusal_says_what_was_found_and_what_to_do():
    error = refuse("empty", "The file has 0 bytes.")
    assert (error.code, error.sentence) == ("empty", "The file has 0 bytes.")
    assert str(error) == f"The file has 0 bytes. {REFUSALS['empty']}"
    assert pickle.loads(pickle.dumps(error)).code == "empty"  # noqa: S301


def test_a_code_that_is_no_code():
    with pytest.raises(UnknownNameError, match="Did you mean 'truncated'"):
        refuse("truncate", "")


def test_sizes_at_the_limit():
    check_size(6000, LARGEST_PIXELS // 6000)
    check_size(1, 1)
    for width, height, code in ((6000, 6001, "too_large"), (0, 5, "pixel_mismatch"), (5, -1, "pixel_mismatch")):
        with pytest.raises(ImageRefusedError) as caught:
            check_size(width, height)
        assert caught.value.code == code
