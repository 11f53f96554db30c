import pytest

from hilum.findings import FINDINGS, LABEL_SETS, NIH_FINDINGS


@pytest.mark.parametrize("name", list(LABEL_SETS))
def test_every_label_is_a_finding_or_says_why_not(name):
    label_set = LABEL_SETS[name]
    assert label_set.title
    assert label_set.citation
    assert label_set.silence.startswith(("absent", "unknown"))
    assert set(label_set.findings) <= set(FINDINGS)
    for label, rule in label_set.labels.items():
        assert rule.findings or rule.note, label
    titles = [other.title for other in LABEL_SETS.values()]
    assert titles.count(label_set.title) == 1
    assert label_set.films in {"", *titles}


def test_labels_of_a_finding():
    assert LABEL_SETS["vindr"].labels_of("Fracture") == ("Clavicle fracture", "Rib fracture")
    assert LABEL_SETS["vindr"].labels_of("Hernia") == ()
    assert LABEL_SETS["nih"].findings == LABEL_SETS["chestmnist"].findings == NIH_FINDINGS
    assert len(LABEL_SETS["chexpert"].findings) == 13


def test_every_further_finding_is_needed_by_a_set():
    needed = {name for label_set in LABEL_SETS.values() for name in label_set.findings}
    assert set(FINDINGS) == needed
