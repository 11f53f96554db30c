"""What validation gives a finding: calibration, threshold, and reasons where it gives none."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score, roc_curve
from torch import nn

from hilum.errors import RunError
from hilum.findings import NIH_FINDINGS, NO_FINDING
from hilum.losses import cross_entropy_loss
from hilum.training.validation import Validation, finding_rules, no_finding_rule, validate


def validation(logits, targets, names=("Effusion",)):
    return Validation(logits, targets, 0.0, dict.fromkeys(names, 0.5))


def some(n=4000, *, slope=0.6, intercept=-1.0, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, n)
    targets = (rng.random(n) < 1 / (1 + np.exp(-(slope * logits + intercept)))).astype(float)
    return logits[:, None], targets[:, None]


def test_calibration_is_a_logistic_regression_on_the_logit():
    logits, targets = some()
    rule = finding_rules(validation(logits, targets))["Effusion"]
    fit = LogisticRegression(C=np.inf, tol=1e-10).fit(logits, targets[:, 0])
    assert rule.slope == pytest.approx(fit.coef_[0, 0], abs=0.01)
    assert rule.intercept == pytest.approx(fit.intercept_[0], abs=0.01)
    assert rule.reason == ""


def test_the_threshold_is_youdens_and_its_shares_are_those_of_validation():
    logits, targets = some()
    rule = finding_rules(validation(logits, targets))["Effusion"]
    probabilities = 1 / (1 + np.exp(-(rule.slope * logits[:, 0] + rule.intercept)))
    false_share, true_share, _ = roc_curve(targets[:, 0], probabilities)
    called = probabilities >= rule.threshold
    sensitivity, specificity = called[targets[:, 0] == 1].mean(), (~called)[targets[:, 0] == 0].mean()
    assert sensitivity + specificity - 1 == pytest.approx((true_share - false_share).max(), abs=1e-12)
    assert (rule.sensitivity.value, rule.specificity.value) == (pytest.approx(sensitivity), pytest.approx(specificity))
    assert rule.sensitivity.low < sensitivity < rule.sensitivity.high
    assert (rule.n_positive, rule.n_negative) == (targets.sum(), len(targets) - targets.sum())


def test_unknown_targets_are_left_out():
    logits, targets = some(300)
    unknown = targets.copy()
    unknown[::3] = np.nan
    kept = ~np.isnan(unknown[:, 0])
    assert finding_rules(validation(logits, unknown)) == finding_rules(validation(logits[kept], targets[kept]))


@pytest.mark.parametrize(("side", "counts"), [(0.0, (0, 30)), (1.0, (30, 0)), (np.nan, (0, 0))])
def test_a_finding_with_one_side_gets_no_threshold_and_the_reason(side, counts):
    logits = np.random.default_rng(0).normal(size=(30, 1))
    rule = finding_rules(validation(logits, np.full((30, 1), side)))["Effusion"]
    assert np.isnan(rule.threshold)
    assert np.isnan([rule.sensitivity.value, rule.specificity.value]).all()
    assert (rule.slope, rule.intercept) == (1.0, 0.0)
    assert (rule.n_positive, rule.n_negative) == counts
    assert f"{counts[0]} films with the finding" in rule.reason


def test_findings_keep_their_columns():
    logits, targets = some(200)
    both = validation(np.hstack([logits, -logits]), np.hstack([targets, targets]), ("Effusion", "Mass"))
    rules = finding_rules(both)
    assert list(rules) == ["Effusion", "Mass"]
    assert rules["Effusion"].slope > 0.3
    assert "no better than chance" in rules["Mass"].reason


def test_the_mean_is_over_the_findings_that_have_one():
    aurocs = {"Effusion": 0.8, "Mass": float("nan"), "Hernia": 0.6}
    assert Validation(np.zeros((1, 3)), np.zeros((1, 3)), 0.0, aurocs).mean_auroc == pytest.approx(0.7)
    assert np.isnan(Validation(np.zeros((1, 1)), np.zeros((1, 1)), 0.0, {"Mass": float("nan")}).mean_auroc)


class MeanGrey(nn.Module):
    """Answers with the mean of the film, and for ``wild`` with what no network should answer."""

    def __init__(self, answer=None):
        super().__init__()
        self.answer = answer

    def forward(self, images):
        assert not self.training
        assert not torch.is_grad_enabled()
        logits = images.mean(dim=(1, 2, 3))[:, None].repeat(1, 2)
        if self.answer is not None:
            logits[0, 1] = self.answer
        return logits


def look(films, model, *, batch_size):
    rows = films.store.rows_of(films.manifest.table["image_id"])
    targets = films.manifest.table[["Effusion", "Mass"]].to_numpy(float, copy=True)
    targets[3, 0] = np.nan
    found = validate(
        model,
        films.store,
        rows,
        targets,
        findings=("Effusion", "Mass"),
        loss=cross_entropy_loss,
        batch_size=batch_size,
        device=torch.device("cpu"),
    )
    return found, rows, targets


@pytest.mark.parametrize("batch_size", [1, 5, 100])
def test_films_go_through_unchanged_and_in_order(films, batch_size):
    found, rows, targets = look(films, MeanGrey(), batch_size=batch_size)
    grey = films.store.read(rows).mean(axis=(1, 2)) / 255
    np.testing.assert_allclose(found.logits[:, 0], grey, rtol=1e-5)
    known = ~np.isnan(targets)
    expected = np.logaddexp(0, np.where(targets == 1, -1, 1) * grey[:, None])[known].mean()
    assert found.loss == pytest.approx(expected, rel=1e-6)
    assert found.aurocs["Effusion"] == pytest.approx(
        roc_auc_score(targets[known[:, 0], 0], found.logits[known[:, 0], 0])
    )


@pytest.mark.parametrize("answer", [float("nan"), float("inf")])
def test_answers_that_are_not_finite_stop_the_run_with_advice(films, answer):
    with pytest.raises(
        RunError, match=r"answers for 1 of 56 validation films are not finite: lower training\.learning"
    ):
        look(films, MeanGrey(answer), batch_size=100)


def fourteen(n=600, seed=4):
    rng = np.random.default_rng(seed)
    targets = (rng.random((n, 14)) < 0.05).astype(float)
    return rng.normal(0, 1, (n, 14)) + 2 * targets - 3, targets


def test_no_finding_gets_a_threshold_on_the_product_of_what_is_left():
    logits, targets = fourteen()
    seen = validation(logits, targets, NIH_FINDINGS)
    rules = finding_rules(seen)
    rule = no_finding_rule(seen, rules)
    slopes, intercepts = (np.array([getattr(r, name) for r in rules.values()]) for name in ("slope", "intercept"))
    product = (1 - 1 / (1 + np.exp(-(slopes * logits + intercepts)))).prod(axis=1)
    nothing = targets.sum(axis=1) == 0
    false_share, true_share, _ = roc_curve(nothing, product)
    called = product >= rule.threshold
    assert called[nothing].mean() + (~called)[~nothing].mean() - 1 == pytest.approx((true_share - false_share).max())
    assert (rule.n_positive, rule.n_negative) == (nothing.sum(), (~nothing).sum())
    assert (rule.slope, rule.intercept, rule.reason) == (1, 0, "")


def test_no_finding_is_not_derived_where_it_is_trained_or_findings_are_missing():
    logits, targets = fourteen(60)
    some = validation(logits[:, :13], targets[:, :13], NIH_FINDINGS[:13])
    assert no_finding_rule(some, finding_rules(some)) is None
    nothing = 1.0 - targets.any(axis=1)
    asked = validation(
        np.column_stack([4 * nothing - 2, logits]), np.column_stack([nothing, targets]), (NO_FINDING, *NIH_FINDINGS)
    )
    assert no_finding_rule(asked, finding_rules(asked)) is None


def test_no_finding_without_a_threshold_says_why():
    logits, targets = fourteen(60)
    targets[:, 0] = 1
    seen = validation(logits, targets, NIH_FINDINGS)
    rule = no_finding_rule(seen, finding_rules(seen))
    assert np.isnan(rule.threshold)
    assert rule.reason == "0 films without any finding, 60 with one"
    assert (rule.slope, rule.intercept) == (1, 0)


def test_films_of_which_nothing_is_known_do_not_count_for_no_finding():
    logits, targets = fourteen()
    nothing = targets.sum(axis=1) == 0
    targets[np.flatnonzero(nothing)[:50], 3] = np.nan
    seen = validation(logits, targets, NIH_FINDINGS)
    rule = no_finding_rule(seen, finding_rules(seen))
    assert (rule.n_positive, rule.n_negative) == (nothing.sum() - 50, (~nothing).sum())
