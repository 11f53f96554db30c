import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import classification_report

from hilum.errors import InvalidValueError
from hilum.metrics import classification_table

NAN = float("nan")
BINARY = st.sampled_from([0.0, 1.0])


def reference(calls, targets):
    return classification_report(
        targets.astype(int),
        calls.astype(int),
        labels=range(targets.shape[1]),
        output_dict=True,
        zero_division=np.nan,
    )


def as_numbers(row):
    return [row["precision"], row["recall"], row["f1-score"], row["support"]]


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 12), st.integers(2, 4), st.data())
def test_equals_scikit_learns_report(n_images, n_findings, data):
    calls = data.draw(arrays(float, (n_images, n_findings), elements=BINARY))
    targets = data.draw(arrays(float, (n_images, n_findings), elements=BINARY))
    table, report = classification_table(calls, targets), reference(calls, targets)
    for finding, row in enumerate(table.rows):
        np.testing.assert_allclose(row, as_numbers(report[str(finding)]), atol=1e-12)
    for name in ("micro", "macro", "samples"):
        np.testing.assert_allclose(getattr(table, name), as_numbers(report[f"{name} avg"]), atol=1e-12, err_msg=name)
    # Where no defined row has support, scikit-learn's weighted average is 0 and ours undefined.
    np.testing.assert_allclose(
        np.nan_to_num(table.weighted), np.nan_to_num(as_numbers(report["weighted avg"])), atol=1e-12
    )


def test_a_dense_table_equals_scikit_learns_default_report():
    generator = np.random.default_rng(0)
    targets = (generator.random((400, 4)) < 0.5).astype(float)
    targets[:, 3] = 1
    calls = np.where(generator.random(targets.shape) < 0.8, targets, 1 - targets)
    calls[:, 3] = 1
    report = classification_report(targets.astype(int), calls.astype(int), output_dict=True, zero_division=0)
    table = classification_table(calls, targets)
    np.testing.assert_allclose(table.samples, as_numbers(report["samples avg"]))
    np.testing.assert_allclose(table.weighted, as_numbers(report["weighted avg"]))


def test_nothing_called_and_nothing_there_is_nan_and_left_out():
    calls = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    targets = np.array([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    good, empty, missed = classification_table(calls, targets).rows
    assert good == (1.0, 0.5, 2 / 3, 2)
    assert np.isnan(empty[:3]).all()
    assert empty.support == 0
    assert np.isnan(missed.precision)
    assert (missed.recall, missed.f1) == (0, 0)
    macro = classification_table(calls, targets).macro
    assert macro == (1.0, 0.25, pytest.approx(1 / 3), 3)


def test_unknown_pairs_are_left_out():
    calls = np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    targets = np.array([[1.0, NAN], [1.0, 1.0], [NAN, 0.0]])
    table = classification_table(calls, targets)
    assert table.rows[0] == classification_table(calls[:2, :1], targets[:2, :1]).rows[0]
    assert table.rows[1] == classification_table(calls[1:, 1:], targets[1:, 1:]).rows[0]
    assert table.micro == (1.0, pytest.approx(2 / 3), 0.8, 3)


def test_a_finding_without_a_threshold_has_support_and_nothing_else():
    calls = np.array([[1.0, NAN], [0.0, NAN]])
    table = classification_table(calls, np.array([[1.0, 1.0], [0.0, 1.0]]))
    assert np.isnan(table.rows[1][:3]).all()
    assert table.rows[1].support == 2
    assert table.weighted == (1.0, 1.0, 1.0, 3)


def test_no_film_at_all_is_nan():
    table = classification_table(np.zeros((0, 2)), np.zeros((0, 2)))
    assert np.isnan([row[:3] for row in (*table.rows, table.micro, table.macro, table.weighted, table.samples)]).all()


def test_probabilities_are_refused():
    with pytest.raises(InvalidValueError, match=r"calls hold 0.3: expected 0, 1 or NaN, not probabilities"):
        classification_table(np.array([[0.3]]), np.array([[1.0]]))
    with pytest.raises(InvalidValueError, match="targets hold 2"):
        classification_table(np.array([[1.0]]), np.array([[2.0]]))


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_shapes_must_fit(shape):
    with pytest.raises(InvalidValueError, match=r"expected \(image, finding\)"):
        classification_table(np.zeros(shape), np.zeros(3))
