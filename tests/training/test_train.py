"""From manifest, store and recipe to a bundle."""

import dataclasses

import numpy as np
import pytest
import torch

from hilum.config import load
from hilum.data import patient_hash
from hilum.errors import InvalidValueError
from hilum.findings import NIH_FINDINGS, NO_FINDING
from hilum.models import load_bundle
from hilum.training import Recipe
from hilum.training.train import _device


class Watched:
    """A store that notes which rows are looked at, and breaks where a forbidden one is."""

    def __init__(self, store, forbidden):
        self._store, self._forbidden, self.seen = store, set(forbidden), set()

    def __getattr__(self, name):
        return getattr(self._store, name)

    def read(self, rows):
        self._note(rows)
        return self._store.read(rows)

    def statistics(self, rows):
        self._note(rows)
        return self._store.statistics(rows)

    def _note(self, rows):
        assert not self._forbidden & set(np.asarray(rows).tolist()), "a test film was looked at"
        self.seen |= set(np.asarray(rows).tolist())


def rows_of(films, split):
    return films.store.rows_of(films.manifest.table["image_id"].iloc[films.manifest.rows(split)])


def test_the_test_split_is_never_read_and_does_not_matter(train_tiny, tiny, films):
    _, plain = train_tiny("plain", tiny())
    test = films.manifest.rows("test")
    table = films.manifest.table.copy()
    for name in films.manifest.findings:
        labels = table[name].to_numpy(np.float32, copy=True)
        labels[test] = 1 - labels[test]
        table[name] = labels
    poisoned = dataclasses.replace(films.manifest, table=table)
    watched = Watched(films.store, rows_of(films, "test"))
    _, other = train_tiny("other", tiny(), manifest=poisoned, store=watched)
    assert watched.seen == {*rows_of(films, "train"), *rows_of(films, "validation")}
    assert other.spec.findings == plain.spec.findings
    assert other.spec.input == plain.spec.input
    state = plain.model.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in other.model.state_dict().items())


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bundle_and_another_does_not(train_tiny, tiny):
    _, first = train_tiny("first", tiny())
    torch.manual_seed(123)
    _, second = train_tiny("second", tiny())
    _, third = train_tiny("third", tiny("training.seed=1"))
    assert first.digest == second.digest
    assert third.digest != first.digest


def test_the_global_generator_is_left_alone(train_tiny, tiny):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train_tiny("run", tiny())
    assert torch.equal(torch.rand(3), expected)


def test_the_bundle_says_where_it_comes_from(train_tiny, tiny, films):
    recipe = tiny()
    run, bundle = train_tiny("run", recipe)
    spec = load_bundle(run.bundle_path).spec
    train = films.manifest.table[films.manifest.table["split"] == "train"]
    assert spec.training_patients == tuple(sorted({patient_hash(patient) for patient in train["patient_id"]}))
    assert not set(spec.training_patients) & set(films.manifest.table["patient_id"])
    assert spec.selected_on == "validation"
    assert (spec.manifest_digest, spec.split_digest) == (films.manifest.digest, films.manifest.split_digest)
    assert spec.phantom
    assert spec.licence == "none: trained from random weights"
    assert tuple(spec.findings) == recipe.findings == bundle.findings
    assert load(Recipe, run.recipe_path.read_text()) == recipe
    assert spec.recipe == recipe.model_dump(mode="json")
    mean, std = films.store.statistics(rows_of(films, "train"))
    assert spec.input.mean == pytest.approx((mean,))
    assert spec.input.std == pytest.approx((std,))
    assert (run.bundle_path / "MODEL_CARD.md").read_text() == "# 3 findings\n"


def test_a_bundle_answers_for_the_patients_of_the_bundle_it_started_from_too(train_tiny, tiny, films):
    """Else its films could be judged on, as if they had never been used in training."""
    first_run, first = train_tiny("first", tiny("training.epochs=1"))
    seen = films.manifest.table["patient_id"].isin(
        films.manifest.table["patient_id"].iloc[films.manifest.rows("train")].unique()[::2]
    )
    fewer = films.manifest.with_splits(films.manifest.table["split"].mask(seen, None))
    run, second = train_tiny("second", tiny("training.epochs=1", f"model.init={first_run.bundle_path}"), manifest=fewer)
    assert second.spec.training_patients == first.spec.training_patients
    start = run.journal.read()[0]["start_weights"]
    assert start["source"] == str(first_run.bundle_path)
    assert "training_patients" not in start


def test_the_rules_come_from_validation_with_the_weights_of_the_bundle(train_tiny, tiny, films):
    _, bundle = train_tiny("run", tiny())
    rows = rows_of(films, "validation")
    images = torch.from_numpy(films.store.read(rows)).unsqueeze(1).float() / 255
    with torch.inference_mode():
        logits = bundle.model(images).double().numpy()
    for column, (name, rule) in enumerate(bundle.spec.findings.items()):
        probability = 1 / (1 + np.exp(-(rule.calibration.slope * logits[:, column] + rule.calibration.intercept)))
        present = films.manifest.table[name].to_numpy()[films.manifest.rows("validation")] == 1
        assert (rule.n_positive, rule.n_negative) == (present.sum(), (~present).sum())
        assert rule.sensitivity.value == pytest.approx((probability >= rule.threshold)[present].mean())
        assert rule.specificity.value == pytest.approx((probability < rule.threshold)[~present].mean())


@pytest.mark.slow
def test_a_finding_that_validation_lacks_has_no_threshold_in_the_bundle(train_tiny, tiny, films):
    labels = films.manifest.table["Effusion"].to_numpy(np.float32, copy=True)
    labels[films.manifest.rows("validation")] = 0
    manifest = dataclasses.replace(films.manifest, table=films.manifest.table.assign(Effusion=labels))
    run, bundle = train_tiny("run", tiny(), manifest=manifest)
    rule = bundle.spec.findings["Effusion"]
    assert np.isnan(rule.threshold)
    assert "0 films with the finding" in rule.reason
    event = run.journal.read()[1]
    assert event["auroc"]["Effusion"] is None
    others = [value for value in event["auroc"].values() if value is not None]
    assert event["validation_auroc"] == pytest.approx(np.mean(others))


def test_the_journal_tells_the_run(train_tiny, tiny, films):
    told = []
    run, _ = train_tiny("run", tiny(), on_event=lambda kind, values: told.append((kind, dict(values))))
    events = run.journal.read()
    assert [event["kind"] for event in events] == ["start", "epoch", "epoch", "artefact", "end"]
    start = events[0]
    assert (start["n_train"], start["n_validation"], start["n_absent"]) == (
        len(films.manifest.rows("train")),
        len(films.manifest.rows("validation")),
        0,
    )
    assert start["store_digest"] == films.store.digest
    assert start["start_weights"]["source"] == "none"
    kinds = [kind for kind, _ in told if kind != "step"]
    assert kinds == ["start", "epoch", "epoch", "end"]
    for kind, values in told:
        if kind == "epoch":
            (event,) = [e for e in events if e["kind"] == "epoch" and e["epoch"] == values["epoch"]]
            assert {key: event[key] for key in values} == values


@pytest.mark.slow
def test_no_findings_in_the_recipe_means_those_of_the_manifest(train_tiny, tiny, films):
    fewer = dataclasses.replace(films.manifest, findings=("Mass", "Effusion"))
    run, bundle = train_tiny("run", tiny("findings=[]", "training.epochs=1"), manifest=fewer)
    assert bundle.findings == ("Mass", "Effusion")
    assert load(Recipe, run.recipe_path.read_text()).findings == ("Mass", "Effusion")
    train_tiny("run", tiny("findings=[]", "training.epochs=1"), manifest=fewer, resume=True)


@pytest.mark.slow
def test_no_finding_is_derived_unless_it_is_asked_for(train_tiny, tiny):
    fourteen = ", ".join(NIH_FINDINGS)
    _, derived = train_tiny("derived", tiny(f"findings=[{fourteen}]", "training.epochs=1"))
    _, asked = train_tiny("asked", tiny(f"findings=[{fourteen}, No Finding]", "training.epochs=1"))
    assert derived.findings == NIH_FINDINGS
    assert asked.findings == (*NIH_FINDINGS, NO_FINDING)
    assert asked.spec.no_finding is None
    rule, own = derived.spec.no_finding, asked.spec.findings[NO_FINDING]
    assert 0 < rule.threshold < 1
    assert (rule.n_positive, rule.n_negative) == (own.n_positive, own.n_negative)
    assert load_bundle(derived.folder).spec.no_finding == rule


@pytest.mark.slow
def test_frozen_stages_keep_their_start_weights_whatever_decays(train_tiny, tiny):
    start, _ = train_tiny("start", tiny())
    changes = (f"model.init={start.bundle_path}", "training.freeze_stages=2", "training.weight_decay=0.5")
    _, bundle = train_tiny("run", tiny(*changes))
    before = load_bundle(start.bundle_path).model
    before.freeze(2)
    kept = {name for name, parameter in before.named_parameters() if not parameter.requires_grad}
    after = bundle.model.state_dict()
    state = before.state_dict()
    assert kept
    for name in kept:
        assert torch.equal(after[name], state[name]), name
        for statistic in ("running_mean", "running_var"):
            buffer = f"{name.rsplit('.', 1)[0]}.{statistic}"
            if buffer in state:
                assert torch.equal(after[buffer], state[buffer]), buffer
    trained = {name for name, _ in before.named_parameters()} - kept
    assert not any(torch.equal(after[name], state[name]) for name in trained)


def test_an_untrained_head_starts_at_prevalence(train_tiny, tiny, films):
    _, bundle = train_tiny("run", tiny("training.epochs=1", "training.learning_rate=1e-12", "training.ema_decay=0"))
    train = films.manifest.table[films.manifest.table["split"] == "train"]
    share = train[list(bundle.findings)].mean().to_numpy(float)
    np.testing.assert_allclose(bundle.model.head[-1].bias.detach(), np.log(share / (1 - share)), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("normalisation", ["data", "backbone"])
def test_normalisation_travels_in_the_bundle(train_tiny, tiny, normalisation):
    _, bundle = train_tiny("run", tiny(f"model.normalisation={normalisation}", "training.epochs=1"))
    assert bundle.spec.input.mean == pytest.approx(tuple(bundle.model.mean.flatten().tolist()))
    assert (abs(bundle.spec.input.mean[0] - 0.449) < 0.02) == (normalisation == "backbone")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gpu", "training.device=gpu: expected auto, cpu, cuda or cuda:0"),
        ("meta", "training.device=meta: this machine has no such device; use auto or cpu"),
        ("cuda:99", "training.device=cuda:99: this machine has no such device"),
    ],
)
def test_a_device_that_is_not_there_is_named(name, words):
    with pytest.raises(InvalidValueError, match=words):
        _device(name)


def test_the_device_that_is_there():
    assert _device("cpu") == torch.device("cpu")
    assert _device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.slow
def test_training_learns(train_tiny, films):
    """The films it trains on, it ranks; with wrong targets or a wrong sign it could not."""
    text = """
    size_px: 64
    findings: [Effusion, Pneumothorax, Cardiomegaly]
    model: {backbone: resnet10t_slim}
    augmentation: {rotation_deg: 0, shift: 0, scale: 0, flip: 0, brightness: 0, contrast: 0, gamma: 0}
    training: {epochs: 12, batch_size: 8, learning_rate: 0.003}
    """
    run, _ = train_tiny("run", load(Recipe, text))
    losses = [event["train_loss"] for event in run.journal.read() if event["kind"] == "epoch"]
    assert losses[-1] < 0.5 * losses[0]
