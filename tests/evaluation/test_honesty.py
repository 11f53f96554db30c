import gzip

import numpy as np
import pytest

from hilum.evaluation import evaluate_arrays, honesty
from hilum.evaluation.honesty import flag_calls, judge_standing, official_part
from hilum.evaluation.label_file import read_truth
from hilum.findings import NIH_FINDINGS

TEST, TRAIN = "00000003_000.png", "00000001_000.png"


def test_the_official_test_list_is_known_by_patient():
    assert official_part([TEST, TRAIN, "ward-7.png", "00000003_007", "99999999_000.png"]).tolist() == [
        "official test", "official train_val", "", "official test", "",
    ]  # fmt: skip


def standing(names, **options):
    options = {"findings": NIH_FINDINGS, "nih": True, **options}
    return judge_standing(names, np.zeros((len(names), len(options["findings"]))), **options)


def test_films_of_both_official_lists_are_a_random_split_and_stand_beside_nothing():
    found = standing([TEST, TRAIN, TRAIN.replace("000.", "001.")])
    assert found.comparable == ()
    assert [flag.code for flag in found.red_flags] == ["random_split"]
    assert "1 of these 3 films are of the official test list" in found.red_flags[0].sentence


def test_a_part_of_the_official_list_is_no_random_split_but_not_comparable():
    for names in ([TEST], [TRAIN]):
        found = standing(names)
        assert (found.comparable, found.red_flags) == ((), ())
        assert "which has 25,596" in found.note


def test_other_films_or_labels_stand_beside_nothing():
    assert "not ChestX-ray14's" in standing([TEST], nih=False).note


@pytest.fixture
def small_list(monkeypatch):
    """As if the official list were three films of one patient, with known labels."""
    names = [f"00000003_00{i}" for i in range(3)]
    targets = np.zeros((3, 14))
    targets[0, 2] = 1
    lines = [f"{name} {''.join(str(int(cell)) for cell in row)}" for name, row in zip(names, targets, strict=True)]
    published = honesty._published().model_copy(
        update={
            "n_films": 3,
            "film_digest": honesty._digest(names),
            "label_digests": {"v2020": honesty._digest(lines)},
            "positives": dict.fromkeys(NIH_FINDINGS, 40),
        }
    )
    monkeypatch.setattr(honesty, "_published", lambda: published)
    return [f"{name}.png" for name in names], targets


def test_exactly_the_list_with_known_labels_is_comparable_whatever_the_order(small_list):
    names, targets = small_list
    for order in ([0, 1, 2], [2, 0, 1]):
        found = judge_standing([names[i] for i in order], targets[order], findings=NIH_FINDINGS, nih=True)
        assert len(found.comparable) > 5
        assert "labels NIH's of v2020" in found.note
        assert not any("Wang" in result.name for result in found.comparable)  # labels of 2017


def test_other_labels_are_of_2017_if_their_counts_are_near_and_of_neither_if_not(small_list):
    names, targets = small_list
    near = judge_standing(names, 1 - targets, findings=NIH_FINDINGS, nih=True)
    assert any("Wang" in result.name for result in near.comparable)
    honesty._published().positives.update(Mass=900)
    assert "neither version" in judge_standing(names, 1 - targets, findings=NIH_FINDINGS, nih=True).note


def test_a_missing_finding_or_a_leak_is_not_comparable(small_list):
    names, targets = small_list
    few = judge_standing(names, targets[:, :13], findings=NIH_FINDINGS[:13], nih=True)
    assert (few.comparable, "Hernia is not answered" in few.note) == ((), True)
    leaked = judge_standing(names, targets, findings=NIH_FINDINGS, nih=True, leaked=True)
    assert (leaked.comparable, "training patients" in leaked.note) == ((), True)


@pytest.mark.shared
def test_the_real_list_and_labels_are_known(shared_data):
    folder = shared_data / "nih-metadata"
    names = gzip.decompress((folder / "test_list.txt.gz").read_bytes()).decode().split()
    truth = read_truth(folder / "Data_Entry_2017_v2020.csv.gz")
    place = {name: row for row, name in enumerate(truth.image_ids)}
    targets = truth.targets[[place[name] for name in names]]
    found = judge_standing(names, targets, findings=NIH_FINDINGS, nih=True)
    assert "25,596 of the official test list (by digest), the labels NIH's of v2020" in found.note
    assert not judge_standing(names[1:], targets[1:], findings=NIH_FINDINGS, nih=True).comparable


def test_calls_in_place_of_probabilities_are_flagged():
    generator = np.random.default_rng(0)
    targets = (generator.random((40, 2)) < 0.5).astype(float)
    answers = np.column_stack([np.where(generator.random(40) < 0.5, 0.2, 0.8), generator.random(40)])
    (flag,) = evaluate_arrays(answers, targets, findings=("Mass", "Hernia"), bootstrap=0).red_flags
    assert (flag.code, "Mass" in flag.sentence, "Hernia" in flag.sentence) == ("calls_instead_of_scores", True, False)
    assert flag_calls(answers[:3], ("Mass", "Hernia")) == ()


def test_one_value_for_every_film_is_flagged():
    columns = np.column_stack([np.full(40, 0.3), np.linspace(0, 1, 40), np.zeros(40)])
    (flag,) = flag_calls(columns, ("Mass", "Edema", "Hernia"))
    assert (flag.code, "in Mass, Hernia:" in flag.sentence) == ("one_value", True)
    assert flag_calls(columns[:19], ("Mass", "Edema", "Hernia")) == ()
