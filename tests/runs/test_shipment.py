import json
import math
import posixpath
import re
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hilum.runs.shipment import Shipment, shipment_of

TIME = "2025-03-01T12:00:00.250000+00:00"
TIME_MS = int(datetime(2025, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC).timestamp() * 1000)


def mlflow_takes(name: str) -> bool:
    """MLflow's own rule for names of metrics and parameters, written out again."""
    return (
        re.fullmatch(r"[/\w.\- :]+", name) is not None
        and len(name) <= 250
        and posixpath.normpath(name) == name
        and name != "."
        and not name.startswith(("/", ".."))
    )


def test_the_start_is_the_recipe_digests_versions_and_counts():
    event = {
        "kind": "start",
        "time": TIME,
        "recipe": {
            "name": "small",
            "about": "",
            "findings": ["Mass", "Hernia"],
            "model": {"init": None, "channels": 1, "dropout": 0.0, "pretrained": False},
            "training": {"epochs": 3},
        },
        "manifest_digest": "m",
        "versions": {"hilum": "0.1.0", "commit": "c" * 40, "timm": ""},
        "n_train": 70,
        "n_absent": 0,
        "start_weights": {"source": "none", "head_missing": [], "unused": ["fc.weight"]},
    }
    assert shipment_of(event) == Shipment(
        params={
            "name": "small",
            "findings": "Mass, Hernia",
            "model.channels": "1",
            "model.dropout": "0.0",
            "model.pretrained": "False",
            "training.epochs": "3",
            "manifest_digest": "m",
            "versions.hilum": "0.1.0",
            "versions.commit": "c" * 40,
            "n_train": "70",
            "n_absent": "0",
            "start_weights.source": "none",
            "start_weights.unused": "fc.weight",
        },
        tags={"mlflow.source.git.commit": "c" * 40},
        time_ms=TIME_MS,
    )


def test_an_epoch_is_its_numbers_without_what_is_undefined():
    event = {
        "kind": "epoch",
        "time": TIME,
        "epoch": 4,
        "epochs": 10,
        "train_loss": 0.25,
        "validation_loss": None,
        "validation_auroc": 0.8,
        "learning_rate": 1e-3,
        "images_per_second": math.inf,
        "seconds": math.nan,
        "skipped_steps": 0,
        "best": True,
        "auroc": {"Mass": 0.7, "Hernia": None, "Lung/Pleura (old)": 0.6},
    }
    assert shipment_of(event) == Shipment(
        metrics={
            "train_loss": 0.25,
            "validation_auroc": 0.8,
            "learning_rate": 1e-3,
            "skipped_steps": 0.0,
            "auroc/Mass": 0.7,
            "auroc/Lung_Pleura _old_": 0.6,
        },
        step=4,
        time_ms=TIME_MS,
    )


def test_the_end_is_best_epoch_score_and_reason():
    event = {"kind": "end", "time": TIME, "best_epoch": 2, "best_auroc": None, "seconds": 9.5, "reason": "all done"}
    assert shipment_of(event) == Shipment(
        metrics={"best_epoch": 2.0, "total_seconds": 9.5}, tags={"reason": "all done"}, time_ms=TIME_MS
    )


def test_an_evaluation_is_its_numbers_under_the_split():
    metrics = {"auroc": 0.81, "auroc/Mass": 0.7, "auprc": None, "n": 500, "ok": True}
    expected = {"test/auroc": 0.81, "test/auroc/Mass": 0.7, "test/n": 500.0}
    assert shipment_of({"kind": "evaluation", "split": "test", "metrics": metrics}).metrics == expected
    assert shipment_of({"kind": "evaluation", "metrics": {"auroc": 0.8}}).metrics == {"auroc": 0.8}


def test_an_artefact_is_its_path():
    assert shipment_of({"kind": "artefact", "name": "bundle", "path": "bundle"}) == Shipment(artefact="bundle")


@pytest.mark.parametrize("event", [{"kind": "resume", "epoch": 3}, {"kind": ["odd"]}, {}])
def test_of_other_kinds_nothing_is_told(event):
    assert shipment_of(event) == Shipment()


@pytest.mark.parametrize("kind", ["start", "epoch", "end", "artefact", "evaluation"])
@pytest.mark.parametrize("odd", [None, "text", 3, [1]])
def test_an_event_of_odd_shape_is_an_empty_shipment(kind, odd):
    names = ("recipe", "auroc", "metrics", "time")
    assert shipment_of({"kind": kind, "epoch": "one", "seconds": "x"} | dict.fromkeys(names, odd)) == Shipment()


@pytest.mark.parametrize("kind", ["start", "epoch", "end", "artefact", "evaluation", "resume"])
def test_nothing_that_names_a_patient_or_a_film_is_told(kind):
    canary = {name: "CANARY" for name in ("patient_id", "patients", "image_id", "films", "manifest", "name", "note")}
    event = {"kind": kind, "time": TIME, "path": "bundle", "split": "test", **canary, "rows": [canary]}
    assert "CANARY" not in json.dumps(vars(shipment_of(event)), default=str)


def test_long_text_is_cut_where_old_servers_would_refuse_it():
    event = {"kind": "start", "recipe": {"about": "x" * 600, "short": "y" * 500}}
    params = shipment_of(event).params
    assert params["about"] == "x" * 499 + "…"
    assert params["short"] == "y" * 500


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
@example("")
@example("..")
@example("../a/./b//c")
@example("x" * 243 + "/.name")
@example("x" * 249 + "/y")
def test_every_name_is_one_that_mlflow_takes(name):
    events = [
        {"kind": "epoch", "auroc": {name: 0.5}},
        {"kind": "evaluation", "split": name, "metrics": {name: 0.5}},
        {"kind": "start", "recipe": {name: "x", "group": {name: "x"}}},
    ]
    for event in events:
        shipment = shipment_of(event)
        told = [*shipment.metrics, *shipment.params]
        assert told
        assert all(map(mlflow_takes, told)), told
