import os
import struct
import threading
from contextlib import suppress
from time import monotonic

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from hilum.imaging.decode_message import Message, MessageError, TooLateError, pack, receive, write_all

TYPES = ("bool", "uint8", "uint16", "uint64", "int32", "int64", "float32", "float64")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def received(content, deadline=None):
    source, sink = os.pipe()

    def write():
        with suppress(BrokenPipeError):
            write_all(sink, [content])
        os.close(sink)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        return receive(source, deadline)
    finally:
        os.close(source)
        writer.join()


def through(message):
    return received(b"".join(pack(message)))


@settings(max_examples=50)
@given(
    st.dictionaries(st.text(), VALUES, max_size=4),
    st.dictionaries(
        st.text(), st.sampled_from(TYPES).flatmap(lambda t: arrays(t, array_shapes(min_dims=0, min_side=0))), max_size=3
    ),
)
def test_a_message_arrives_as_it_was_sent(values, sent):
    message = through(Message("record", values, sent))
    assert (message.kind, message.values) == ("record", values)
    assert list(message.arrays) == list(sent)
    for name, array in sent.items():
        assert (message.arrays[name].dtype, message.arrays[name].shape) == (array.dtype, array.shape)
        assert message.arrays[name].tobytes() == array.tobytes()


def test_views_are_sent_as_they_look():
    array = np.arange(12, dtype=np.int32).reshape(3, 4).T[::-1]
    assert (through(Message("record", {}, {"a": array})).arrays["a"] == array).all()


def test_the_end_is_no_message_and_a_cut_is_none_either():
    whole = b"".join(pack(Message("record", {"a": 1}, {"b": np.zeros(3)})))
    assert received(b"") is None
    for n_bytes in range(1, len(whole)):
        with pytest.raises(MessageError, match="cut"):
            received(whole[:n_bytes])


def header(text):
    return struct.pack(">I", len(text)) + text


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xff\xff\xff",
        header(b""),
        header(b"\xff"),
        header(b"[" * 100_000),
        header(b"[]"),
        header(b"{}"),
        header(b'{"kind": 1, "values": {}, "arrays": []}'),
        header(b'{"kind": "a", "values": [], "arrays": []}'),
        header(b'{"kind": "a", "values": {}, "arrays": 3}'),
        header(b'{"kind": "a", "values": {}, "arrays": [["a", "object", [1]]]}'),
        header(b'{"kind": "a", "values": {}, "arrays": [["a", ["uint8"], [1]]]}'),
        header(b'{"kind": "a", "values": {}, "arrays": [["a", "uint8", [-1]]]}'),
        header(b'{"kind": "a", "values": {}, "arrays": [["a", "uint8", ["x"]]]}'),
        header(b'{"kind": "a", "values": {}, "arrays": [["a", "float64", [100000, 100000]]]}'),
        header(b'{"kind": "a", "values": {}, "arrays": [["a", "uint8", [0, 1000000000000000000000]]]}'),
        header(b'{"kind": "a", "values": {}, "arrays": [["a", "uint8", [1, 1, 1, 1, 1]]]}'),
        header(b'{"kind": "a", "values": {}, "arrays": [["a", "uint8", [1e999]]]}'),
        header(b'{"kind": "a", "values": {"a": ' + b"9" * 5000 + b'}, "arrays": []}'),
    ],
)
def test_what_is_no_message_is_not_believed(content):
    with pytest.raises(MessageError):
        received(content)


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_an_error(content):
    with suppress(MessageError):
        received(header(content))


def test_waiting_has_an_end():
    source, sink = os.pipe()
    start = monotonic()
    with pytest.raises(TooLateError):
        receive(source, start + 0.1)
    assert monotonic() - start >= 0.1
    write_all(sink, pack(Message("late")))
    with pytest.raises(TooLateError):  # however much has come
        receive(source, start)
    assert receive(source, monotonic() + 10).kind == "late"
    os.close(source)
    with pytest.raises(BrokenPipeError):
        write_all(sink, [b"nobody reads"])
    os.close(sink)


@pytest.mark.parametrize(
    ("message", "error", "words"),
    [
        (Message("a", {"b": {1, 2}}), TypeError, "not JSON"),
        (Message("a", {}, {"b": np.array(["text"])}), TypeError, "array 'b' has type <U4"),
        (Message("a", {}, {"b": np.array([None])}), TypeError, "messages take bool, uint8"),
        (Message("a", {"b": "x" * 2**20}), ValueError, "too large"),
        (Message("a", {}, {"b": np.broadcast_to(np.uint8(0), (20_000, 20_000))[:1]}), None, ""),
    ],
)
def test_what_cannot_be_sent(message, error, words):
    if error is None:
        assert pack(message)
        return
    with pytest.raises(error, match=words):
        pack(message)
