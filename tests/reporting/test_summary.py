from hilum.reporting.summary import looks_words, summary_lines


def test_a_clinician_reads_order_meaning_calibration_promise_and_gap(full):
    lines = summary_lines(full)
    aurocs = [finding.auroc.value for finding in full.findings.values()]
    assert len(lines) == 5
    assert f"(AUROC {max(aurocs):.2f})" in lines[0]
    assert f"({min(aurocs):.2f})" in lines[0]
    assert lines[1].startswith("Where 5.0 % have it (as given), 4 of 10 films called Effusion have it.")
    errors = [finding.calibration.ece.value for finding in full.findings.values()]
    assert f"off by {100 * sum(errors) / 14:.1f} percentage points" in lines[2]
    chance = [finding.calibration.ece_by_chance for finding in full.findings.values()]
    assert lines[2].endswith(f"by chance alone it would be {100 * sum(chance) / 14:.1f}.")
    assert lines[3] == (
        "With unsure films left to a person, at most 10 % of films with a finding may be missed: "
        "kept for 1 of 2 findings."
    )
    over = f"in mean AUROC over {len(full.subgroups.subgroups[0].mean_over)} finding"
    assert f"measured: sex female, worse by 0.031 (0.021–0.041) {over}" in lines[4]


def test_a_promise_that_differs_by_finding_is_no_single_share(full):
    effusion = full.findings["Effusion"]
    stricter = effusion.refer.model_copy(update={"allowed_missed": 0.05})
    findings = full.findings | {"Effusion": effusion.model_copy(update={"refer": stricter})}
    line = summary_lines(full.model_copy(update={"findings": findings}))[3]
    assert "only the promised share of films with a finding may be missed" in line


def test_groups_without_a_number_are_not_counted_as_measured(full, divided):
    unknown = divided.subgroups[0].mean_gap.model_copy(update={"value": float("nan"), "low": float("nan")})
    few = [group.model_copy(update={"mean_gap": unknown}) for group in divided.subgroups[1:]]
    study = divided.model_copy(update={"subgroups": (divided.subgroups[0], *few)})
    assert "of 1 group measured" in summary_lines(full.model_copy(update={"subgroups": study}))[4]


def test_better_and_alike(full, divided):
    better = divided.model_copy(update={"subgroups": divided.subgroups[1:]})
    assert "sex × age male, 0-19, better by 0.020" in summary_lines(full.model_copy(update={"subgroups": better}))[-1]
    alike = divided.model_copy(update={"subgroups": divided.subgroups[1:2]})
    assert "No group's mean AUROC" in summary_lines(full.model_copy(update={"subgroups": alike}))[-1]


def test_what_is_not_known_is_not_said(silent, whole):
    assert summary_lines(silent) == []
    assert "as here" in summary_lines(whole)[1]
    assert len(summary_lines(whole)) == 3


def test_looks_are_counted_in_words(full, whole):
    assert looks_words(whole) == ""
    assert looks_words(full.model_copy(update={"looks": 1})) == "First look at these films in this folder."
    assert looks_words(full).startswith("Look 3 at these films")
