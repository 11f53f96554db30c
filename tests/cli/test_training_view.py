import math

from hilum.cli import _training_view
from hilum.cli._training_view import TrainingView, watch_training


def epoch(number, auroc, *, best):
    return {
        "epoch": number,
        "epochs": 3,
        "train_loss": 0.5,
        "validation_auroc": auroc,
        "images_per_second": 61.2,
        "best": best,
    }


def test_a_line_per_epoch(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(_training_view.time, "monotonic", lambda: now[0])
    with watch_training() as view:
        start = {"source": "own.safetensors", "matched": 704, "head_missing": [*"abcde"], "unused": ["fc.bias"]}
        view.on_event(
            "start", {"n_train": 1200, "n_validation": 1, "n_absent": 2, "n_left_out": 1, "start_weights": start}
        )
        for done in range(1, 4):
            view.on_event("step", {"epoch": 1, "epochs": 3, "done": done, "total": 3, "images_per_second": 61.0})
        now[0] += 10
        view.on_event("epoch", epoch(1, 0.61, best=True))
        now[0] += 14
        view.on_event("epoch", epoch(2, None, best=False))
        now[0] += 10
        view.on_event("epoch", epoch(3, 0.71, best=True))
        view.on_event("end", {"reason": "all epochs done", "best_epoch": 3})
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        " training on 1,200 films, validating on 1 film; 2 films could not be read; 1 film left out of the pixel store",
        " start weights own.safetensors: 704 tensors taken over; a, b, c, d and 1 more at random; fc.bias left",
        " epoch 1/3  loss 0.500  validation AUROC 0.610 ▁  best 0.610 (epoch 1)  61 films/s  time left 0:20",
        " epoch 2/3  loss 0.500  validation AUROC – ▁   best 0.610 (epoch 1)  61 films/s  time left 0:12",
        " epoch 3/3  loss 0.500  validation AUROC 0.710 ▁ █  best 0.710 (epoch 3)  61 films/s  time left 0:00",
        " all epochs done; kept epoch 3",
    ]


def test_a_resumed_run_says_where_it_goes_on_and_what_was_best(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(_training_view.time, "monotonic", lambda: now[0])
    with watch_training() as view:
        before = [epoch(1, 0.7, best=True), epoch(2, 0.6, best=False)]
        view.on_event("resume", {"epoch": 2, "epochs": 4, "history": before})
        now[0] += 10
        view.on_event("epoch", {**epoch(3, math.nan, best=False), "epochs": 4})
    err = capsys.readouterr().err
    assert "going on after epoch 2/4" in err
    assert "best 0.700 (epoch 1)" in err
    assert "time left 0:10" in err
    assert "nan" not in err


def test_the_bar_counts_films_of_all_epochs():
    class Bar:
        def __call__(self, done, total, label="", /):
            self.last = (done, total, label)

    bar = Bar()
    TrainingView(bar).on_event("step", {"epoch": 2, "epochs": 3, "done": 5, "total": 10, "images_per_second": 7.6})
    assert bar.last == (15, 30, "epoch 2/3  8 films/s")
