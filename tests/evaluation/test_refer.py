import numpy as np
import pytest

from hilum.calibration import refer_zone
from hilum.evaluation import evaluate_arrays


def made_up(generator, n_patients, most_films):
    """Patients have a level of their own in both the scores and how often they have the finding."""
    patients = np.repeat(np.arange(n_patients), generator.integers(1, most_films + 1, n_patients))
    n = len(patients)
    targets = (generator.random(n) < generator.beta(0.4, 1.6, n_patients)[patients]).astype(float)
    levels = generator.normal(size=n_patients)[patients]
    scores = np.sqrt(0.5) * levels + np.sqrt(0.5) * generator.normal(size=n) + 1.2 * targets
    return 1 / (1 + np.exp(1 - scores)), targets, patients


def judged(probabilities, targets, patients, zone, bootstrap=200):
    return evaluate_arrays(
        probabilities[:, None], targets[:, None], findings=["Mass"], groups=patients, refer={"Mass": zone},
        bootstrap=bootstrap,
    ).findings["Mass"].refer  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("n_behind", "n_here", "most_films"), [(60, 60, 17), (400, 120, 17), (150, 150, 1)])
def test_a_zone_that_keeps_its_promise_is_in_the_band_in_95_of_100_studies(n_behind, n_here, most_films):
    generator, kept = np.random.default_rng(0), []
    for _ in range(150):
        films = made_up(generator, n_behind, most_films)
        zone = refer_zone(*films[:2], films[2].tolist(), threshold=1 - 1e-9)  # so that low is where the promise ends
        if zone is not None:
            found = judged(*made_up(generator, n_here, most_films), zone, bootstrap=100)
            kept.append(found.in_band)
            assert found.n_calibration == zone.n_patients_with
    assert len(kept) > 100
    assert np.mean(kept) > 0.92


def test_a_zone_that_breaks_its_promise_is_outside():
    generator = np.random.default_rng(0)
    films, new = made_up(generator, 400, 9), made_up(generator, 200, 9)
    zone = refer_zone(*films[:2], films[2].tolist(), threshold=0.5)
    assert zone.n_images_with == films[1].sum() > zone.n_patients_with
    present = new[1] == 1
    low = np.quantile(new[0][present], 0.25)  # a quarter is missed, where a tenth was promised
    for bootstrap in (200, 0):
        found = judged(*new, zone.model_copy(update={"low": low, "high": 0.9}), bootstrap)
        assert found.in_band is False
        assert found.n_calibration_images == zone.n_images_with


def test_a_share_of_all_or_none_is_judged_by_its_patients():
    targets, patients = np.ones(40), np.arange(40) // 4
    targets[-4:] = 0
    films = made_up(np.random.default_rng(0), 200, 1)
    zone = refer_zone(*films[:2], films[2].tolist(), threshold=0.5).model_copy(update={"low": 0.3, "high": 0.6})
    assert judged(np.full(40, 0.5), targets, patients, zone).in_band is True
    assert judged(np.full(40, 0.1), targets, patients, zone).in_band is False
    one = judged(np.append(0.1, np.full(39, 0.7)), np.append(1.0, np.zeros(39)), np.arange(40), zone)
    assert (one.missed.value, one.in_band) == (1, True)  # one patient, and one in ten may be missed
    none = judged(np.full(40, 0.5), np.zeros(40), patients, zone)
    assert none.in_band is None
