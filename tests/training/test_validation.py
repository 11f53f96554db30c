"""A look at the validation split."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from hilum.errors import RunError
from hilum.losses import cross_entropy_loss
from hilum.training.validation import Validation, validate


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
