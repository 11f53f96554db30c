import hashlib
import hmac
import stat
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import InvalidValueError
from hilum.imaging import PSEUDONYM_LENGTH, IdentityKey, open_key

KEY, OTHER = IdentityKey(b"k" * 32), IdentityKey(b"o" * 32)


def test_a_pseudonym_is_an_hmac():
    expected = hmac.new(b"k" * 32, b"hilum patient P1", hashlib.sha256).hexdigest()
    assert KEY.pseudonym("P1") == expected[:PSEUDONYM_LENGTH]
    assert KEY.pseudonym(" P1 \0") == KEY.pseudonym("P1") != KEY.pseudonym("p1")


@given(st.text(), st.text())
def test_same_in_same_out_and_keys_tell_nothing_of_each_other(one, other):
    same = one.strip(" \0") == other.strip(" \0")
    assert (KEY.pseudonym(one) == KEY.pseudonym(other)) == same
    assert (KEY.uid(one) == KEY.uid(other)) == same
    assert KEY.pseudonym(one) != OTHER.pseudonym(one)
    assert KEY.uid(one) != OTHER.uid(one)
    assert 1 <= abs(KEY.days(one)) <= 730


def test_days_spread_over_both_directions():
    days = {KEY.days(f"patient {number}") for number in range(20_000)}
    assert days == {*range(-730, 0), *range(1, 731)}


def test_uids_are_valid():
    new = KEY.uid("1.2.3")
    assert new.startswith("2.25.")
    assert len(new) <= 64
    assert uuid.UUID(int=int(new[5:])).version == 5


def test_a_key_is_made_once_and_kept_to_its_owner(tmp_path):
    path = tmp_path / "a.key"
    key = open_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_key(path) == open_key(path, create=False) == key
    assert open_key(tmp_path / "b.key") != key
    assert path.read_text().strip() not in repr(key)


def test_keys_that_are_refused(tmp_path):
    path = tmp_path / "a.key"
    with pytest.raises(InvalidValueError, match="there is no key"):
        open_key(path, create=False)
    open_key(path)
    path.chmod(0o640)
    with pytest.raises(InvalidValueError, match=r"others can read the key .* chmod 600"):
        open_key(path)
    path.write_text("short")
    path.chmod(0o600)
    with pytest.raises(InvalidValueError, match="at least 32 bytes, got 5"):
        open_key(path)
