import pytest

from hilum.records import Interval, RankMetric
from hilum.reporting.headline import headline, rank_reason, why
from hilum.wording import share_of


def test_reasons_are_the_records_own():
    assert why(RankMetric(n_positive=0, n_negative=3, reason="undefined: none of 3")) == "none of 3"
    assert why(RankMetric(n_positive=0, n_negative=3)) == rank_reason(0, 3) == "no film has it"
    assert rank_reason(3, 0) == "every film has it"
    assert rank_reason(3, 3) == "not computed"


def test_the_headline_of_a_bundle(whole):
    said = headline(whole)
    assert said.startswith("On 400 films of ")
    assert "never used in training it finds" in said
    mean = whole.macro["auroc"]
    assert said.endswith(f"mean AUROC {mean.value:.2f} ({mean.low:.2f}–{mean.high:.2f}) over 14 findings.")
    point = whole.findings["Effusion"].operating_point
    assert f"{share_of(point.sensitivity.value, 'effusions')} and" in said
    assert share_of(1 - point.specificity.value, "other films") in said


def test_headlines_claim_no_more_than_is_known(odd, bare, silent):
    assert "some of them used in training" in headline(odd)
    assert "made-up films" in headline(odd)
    assert "training" not in headline(bare)
    assert "(threshold: fixed 0.5)" in headline(bare)
    assert headline(silent) == "On 4 films nothing could be measured."


@pytest.mark.parametrize(
    ("split", "bundle_digest", "claimed"),
    [
        ("test", "f" * 64, True),
        ("validation", "f" * 64, False),
        ("films of mine.csv", "f" * 64, False),
        ("test", "", False),
    ],
)
def test_never_used_in_training_is_said_of_the_test_split_of_a_bundle_alone(whole, split, bundle_digest, claimed):
    pedigree = whole.pedigree.model_copy(update={"split": split, "bundle_digest": bundle_digest})
    assert ("never used in training" in headline(whole.model_copy(update={"pedigree": pedigree}))) == claimed


def test_a_headline_without_thresholds_or_without_auroc(whole, odd):
    no_rates = {
        name: finding.model_copy(
            update={
                "operating_point": finding.operating_point.model_copy(
                    update={"sensitivity": Interval(), "specificity": Interval()}
                )
            }
        )
        for name, finding in whole.findings.items()
    }
    assert "the mean AUROC is 0." in headline(whole.model_copy(update={"findings": no_rates}))
    assert headline(whole.model_copy(update={"macro": {}})).endswith("; no AUROC is defined.")
    one = whole.model_copy(update={"macro": {"auroc": whole.macro["auroc"].model_copy(update={"findings": ("Mass",)})}})
    assert headline(one).endswith("over 1 finding.")


def test_the_headline_falls_back_to_the_finding_with_most_films(whole):
    without = {name: finding for name, finding in whole.findings.items() if name != "Effusion"}
    most = max(without, key=lambda name: without[name].auroc.n_positive)
    one = {most: without[most]}
    assert headline(whole.model_copy(update={"findings": without})) == headline(
        whole.model_copy(update={"findings": one})
    )
