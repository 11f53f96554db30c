import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import binom
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from hilum.errors import InvalidValueError, UnknownNameError
from hilum.metrics import (
    Resamples,
    brier_score,
    brier_terms,
    calibration_error,
    calibration_error_interval,
    calibration_error_terms,
    ece_by_chance,
    log_likelihood_terms,
    negative_log_likelihood,
    reliability_curve,
    reliability_terms,
    wilson_interval,
)

NAN = float("nan")


def made_up(seed, n=4000, slope=0.5, intercept=-2.0):
    """Logits whose true probability is sigmoid(slope * logit + intercept)."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(scale=3, size=n)
    return logits, (generator.random(n) < expit(slope * logits + intercept)).astype(float)


def test_unknown_targets_are_left_out_of_everything():
    logits, targets = made_up(4, n=300)
    masked = np.where(np.arange(300) % 3 == 0, NAN, targets)
    kept = ~np.isnan(masked)
    p = expit(logits)
    assert brier_score(p, masked) == brier_score(p[kept], targets[kept])
    assert negative_log_likelihood(p, masked) == negative_log_likelihood(p[kept], targets[kept])
    for bins in ("mass", "width"):
        expected = calibration_error(p[kept], targets[kept], bins=bins)
        assert calibration_error(p, masked, bins=bins) == pytest.approx(expected, abs=1e-15)
        assert ece_by_chance(p, masked, bins=bins) == ece_by_chance(p[kept], targets[kept], bins=bins)


def test_brier_equals_scikit_learn():
    logits, targets = made_up(5)
    p = expit(logits)
    assert brier_score(p, targets) == pytest.approx(brier_score_loss(targets, p), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_negative_log_likelihood_equals_scikit_learn(seed):
    logits, targets = made_up(seed, n=40)
    p = expit(logits * 3)
    p[:3], targets[:5] = [0.0, 1.0, 1e-20], [1, 0, 0, 1, 0]
    assert negative_log_likelihood(p, targets) == pytest.approx(log_loss(targets, p), abs=1e-9)


def test_a_certainty_that_is_wrong_has_a_price():
    assert negative_log_likelihood(np.array([0.0]), np.array([1.0])) == pytest.approx(36.0437, abs=1e-4)
    assert negative_log_likelihood(np.array([0.0]), np.array([0.0])) == pytest.approx(0, abs=1e-15)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([30, 60, 150]))
def test_bins_equal_scikit_learns_quantile_bins(seed, n):
    generator = np.random.default_rng(seed)
    p = generator.random(n)
    targets = (generator.random(n) < p).astype(float)
    curve = reliability_curve(p, targets, n_bins=15)
    # Equal mass by hand: n is a multiple of 15 and no two probabilities are equal.
    order = np.argsort(p).reshape(15, -1)
    np.testing.assert_allclose(curve.mean_probability, p[order].mean(axis=1))
    np.testing.assert_allclose(curve.observed_share, targets[order].mean(axis=1))
    assert curve.n_images.tolist() == [n // 15] * 15
    expected = np.abs(p[order].mean(axis=1) - targets[order].mean(axis=1)).mean()
    assert calibration_error(p, targets) == pytest.approx(expected)
    if n == 150:
        shares, means = calibration_curve(targets, p, n_bins=15, strategy="quantile")
        np.testing.assert_allclose(curve.mean_probability, means, atol=0.05)
        assert len(shares) == 15


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([5, 10, 15]), st.booleans())
def test_bins_of_equal_width_equal_scikit_learns(seed, n_bins, rounded):
    logits, targets = made_up(seed, n=90)
    p = np.round(expit(logits), 1) if rounded else expit(logits)
    curve = reliability_curve(p, targets, n_bins=n_bins, bins="width")
    shares, means = calibration_curve(targets, p, n_bins=n_bins, strategy="uniform")
    np.testing.assert_allclose(curve.mean_probability, means, atol=1e-12)
    np.testing.assert_allclose(curve.observed_share, shares, atol=1e-12)
    expected = np.sum(curve.n_images / 90 * np.abs(means - shares))
    assert calibration_error(p, targets, n_bins=n_bins, bins="width") == pytest.approx(expected, abs=1e-12)


def test_a_bin_has_wilsons_interval():
    logits, targets = made_up(7, n=200)
    curve = reliability_curve(expit(logits), targets)
    for share, n, *ends in zip(curve.observed_share, curve.n_images, curve.low, curve.high, strict=True):
        assert ends == pytest.approx(wilson_interval(round(share * n), int(n)), abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["mass", "width"]))
def test_terms_on_a_resample_are_the_measure_with_films_repeated(seed, bins):
    logits, targets = made_up(seed, n=60)
    p, patients = expit(logits), np.arange(60) // 4
    targets[::7] = NAN
    resamples = Resamples(patients, 3, seed=seed)
    counts = np.concatenate(list(resamples.counts()))
    brier = resamples.share(*brier_terms(p, targets))
    likelihood = resamples.share(*log_likelihood_terms(p, targets))
    errors = np.abs(resamples.share(*calibration_error_terms(p, targets, bins=bins))).sum(axis=1)
    shares = resamples.share(*reliability_terms(p, targets, bins=bins))
    known = ~np.isnan(targets)
    means = reliability_curve(p, targets, bins=bins).mean_probability
    for replicate in range(3):
        again = np.repeat(np.arange(60), counts[replicate][patients])
        assert brier[replicate] == pytest.approx(brier_score(p[again], targets[again]), abs=1e-12)
        assert likelihood[replicate] == pytest.approx(negative_log_likelihood(p[again], targets[again]), abs=1e-12)
        # The same bins by hand, from the bins' mean probabilities on the films as they are.
        ends = _edges(p[known], means)
        member = np.searchsorted(ends, p[again], side="right")
        parts = [(member == place) & known[again] for place in range(len(means))]
        error = sum(abs((p[again] - targets[again])[part].sum()) for part in parts) / known[again].sum()
        assert errors[replicate] == pytest.approx(error, abs=1e-12)
        expected = [targets[again][part].mean() if part.any() else NAN for part in parts]
        np.testing.assert_allclose(shares[replicate], expected, atol=1e-12)


def _edges(p, means):
    """Return the least probability of every bin but the first: films in order fill the bins to their means."""
    rising, edges, start = np.sort(p), [], 0
    for mean in means:
        sizes = np.arange(1, len(rising) - start + 1)
        size = sizes[np.argmin(np.abs(np.cumsum(rising[start:]) / sizes - mean))]
        edges.append(rising[start])
        start += size
    return np.array(edges[1:])


def test_terms_are_the_measure_itself():
    logits, targets = made_up(11, n=300)
    p = expit(logits)
    assert brier_terms(p, targets).ratio() == pytest.approx(brier_score(p, targets))
    parts = calibration_error_terms(p, targets).ratio()
    assert np.abs(parts).sum() == pytest.approx(calibration_error(p, targets), abs=1e-12)
    shares = reliability_curve(p, targets).observed_share
    np.testing.assert_allclose(reliability_terms(p, targets).ratio(), shares, atol=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.02, 0.3, 0.5, 1 / 3, 0.999, 1.0])
def test_chance_on_equal_probabilities_is_the_binomials_spread(share):
    n = 40
    films = np.full(n, share), np.zeros(n)
    expected = sum(binom.pmf(k, n, share) * abs(k / n - share) for k in range(n + 1))
    assert ece_by_chance(*films) == pytest.approx(expected, abs=1e-12)


def test_chance_on_films_that_differ_is_less_than_the_binomials():
    p = np.array([0.1, 0.9] * 50)
    spread = np.array([1.0])
    for one in p:
        spread = np.convolve(spread, [1 - one, one])
    exact = spread @ np.abs(np.arange(101) - 50) / 100
    assert ece_by_chance(p, np.zeros(100), n_bins=1) == pytest.approx(exact, rel=0.02)
    assert exact < 0.7 * ece_by_chance(np.full(100, 0.5), np.zeros(100), n_bins=1)


@pytest.mark.parametrize("bins", ["mass", "width"])
def test_chance_is_what_perfect_probabilities_show(bins):
    generator = np.random.default_rng(5)
    p = generator.beta(0.4, 6, size=1500)
    drawn = [calibration_error(p, (generator.random(1500) < p) * 1.0, bins=bins) for _ in range(300)]
    assert ece_by_chance(p, np.zeros(1500), bins=bins) == pytest.approx(np.mean(drawn), rel=0.05)


def test_chance_falls_with_the_root_of_the_number_of_films():
    p = np.random.default_rng(2).random(3000)
    few, many = ece_by_chance(p, np.zeros(3000)), ece_by_chance(np.tile(p, 4), np.zeros(12000))
    assert many == pytest.approx(few / 2, rel=0.01)


def test_equal_probabilities_share_a_bin_whatever_the_order():
    p, targets = np.array([0.2] * 30 + [0.8] * 30), np.array(([1.0] * 6 + [0.0] * 24) + ([1.0] * 24 + [0.0] * 6))
    curve = reliability_curve(p, targets)
    assert curve.n_images.tolist() == [30, 30]
    np.testing.assert_allclose(curve.observed_share, [0.2, 0.8])
    assert calibration_error(p, targets) == pytest.approx(0, abs=1e-12)


def test_one_wrong_constant_is_as_far_off_as_it_is():
    assert calibration_error(np.full(100, 0.9), np.zeros(100)) == pytest.approx(0.9)


def test_nothing_known_is_nan():
    nothing = np.array([0.5, 0.5]), np.array([NAN, NAN])
    assert np.isnan(brier_score(*nothing))
    assert np.isnan(negative_log_likelihood(*nothing))
    assert np.isnan(calibration_error(*nothing))
    assert np.isnan(calibration_error(*nothing, bins="width"))
    assert np.isnan(ece_by_chance(*nothing))
    assert reliability_terms(*nothing).numerator.shape == (2, 0)
    assert len(reliability_curve(*nothing).n_images) == 0


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: brier_score(np.array([1.5]), np.array([1.0])), "probabilities hold 1.5"),
        (lambda: calibration_error(np.array([-0.1]), np.array([1.0])), "probabilities hold -0.1"),
        (lambda: reliability_curve(np.array([0.1]), np.array([1.0]), n_bins=0), "n_bins must be at least 1"),
    ],
)
def test_wrong_input_is_refused(function, message):
    with pytest.raises(InvalidValueError, match=message):
        function()


def test_a_near_name_of_bins_is_named():
    with pytest.raises(UnknownNameError, match=r"unknown bins 'widths'\. Did you mean 'width'"):
        calibration_error(np.array([0.1]), np.array([1.0]), bins="widths")


def test_an_interval_of_an_error_takes_off_what_chance_puts_on():
    replicates, chance = np.linspace(0.10, 0.20, 1001), np.linspace(0.0, 0.05, 1001)
    low, high = calibration_error_interval(0.12, replicates, chance)
    assert (low, high) == pytest.approx((0.24 - 0.1975, 0.12 + 0.1975 - 0.15), abs=1e-3)
    assert calibration_error_interval(0.12, replicates, chance + 0.1)[0] == 0  # perfect ones would show as much
    assert np.isnan(calibration_error_interval(0.12, replicates * np.nan, chance)).all()
    assert np.isnan(calibration_error_interval(np.nan, replicates, chance)).all()


@pytest.mark.slow
@pytest.mark.parametrize(("slope", "truth"), [(1.0, 0.0), (0.8, 0.0365), (0.5, 0.1109)])
def test_errors_of_perfect_and_of_bad_probabilities_lie_in_their_intervals(slope, truth):
    """900 films of 300 patients; resamples moved onto the value hold 0 %, 66 % and 91 % of these errors."""
    held = []
    for seed in range(150):
        generator = np.random.default_rng(seed)
        patients = np.repeat(np.arange(300), 3)
        logits = np.sqrt(0.5) * (generator.normal(size=300)[patients] + generator.normal(size=900))
        targets = (generator.random(900) < expit(1.2 * logits - 1.5)).astype(float)
        terms = calibration_error_terms(expit(slope * (1.2 * logits - 1.5)), targets)
        parts, drawn = terms.ratio(), Resamples(patients, 300, seed).share(*terms)
        low, high = calibration_error_interval(
            np.abs(parts).sum(), np.abs(drawn).sum(axis=1), np.abs(drawn - parts).sum(axis=1)
        )
        held.append(low <= truth <= high)
    assert np.mean(held) > 0.89
