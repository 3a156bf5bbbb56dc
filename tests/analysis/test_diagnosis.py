"""Problems in ratings are reported before any result, for tables of every shape."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rater.analysis import analyze, plan_for, read
from rater.analysis.diagnosis import Diagnosis, diagnose
from rater.analysis.findings import Finding
from rater.analysis.results import Result
from rater.errors import RaterError

CASES = Path(__file__).parent.parent / "data" / "cases"


TWICE = CASES / "07-answered-twice"


CODES = CASES / "10-codes-for-missing"


Load = Callable[[str], pd.DataFrame]


def of(frame: pd.DataFrame, **options: object) -> Diagnosis:
    return diagnose(frame, plan_for(frame, **options))  # type: ignore[arg-type]  # each test gives its own


def found(diagnosis: Diagnosis, code: str) -> Finding:
    (finding,) = [each for each in diagnosis.findings if each.code == code]
    return finding


def codes(diagnosis: Diagnosis) -> set[str]:
    return {finding.code for finding in diagnosis.findings}


def net(frame: pd.DataFrame, **options: object) -> Result:
    (dimension,) = analyze(frame, plan_for(frame, **options)).dimensions  # type: ignore[arg-type]
    assert isinstance(dimension.primary, Result)
    return dimension.primary


# What was answered twice


@pytest.fixture(scope="module")
def clean() -> pd.DataFrame:
    return read(TWICE / "clean.csv")


def test_a_sound_table_has_nothing_but_what_was_assumed(clean: pd.DataFrame) -> None:
    diagnosis = of(clean)

    assert codes(diagnosis) == {"assumed"}
    assert diagnosis.used == "320 rows, 320 analysed."
    assert (diagnosis.n_contrast, diagnosis.n_primary) == (320, 320)
    assert diagnosis.scales == (
        "answer: points 1 to 5, from the highest answer, 5 (to set more points: --points N)",
    )


def test_several_texts_of_a_prompt_without_ids_are_all_used_and_the_ids_asked_for(
    clean: pd.DataFrame,
) -> None:
    table = read(clean[["rater", "prompt", "arm", "answer"]])
    diagnosis = of(table)

    assert found(diagnosis, "several").n == 160
    assert "--item" in found(diagnosis, "several").message
    assert net(table).estimate == net(clean).estimate


def test_a_column_that_does_not_identify_texts_is_refused(clean: pd.DataFrame) -> None:
    frame = clean.assign(item="text")

    assert found(of(frame), "ids_do_not_tell").level == "refuse"
    with pytest.raises(RaterError, match="does not identify texts"):
        analyze(frame, plan_for(frame))


# Codes for "no answer"


@pytest.mark.parametrize(("file", "code"), [("minus-99.csv", "-99"), ("99.csv", "99")])
def test_a_code_for_no_answer_refuses_the_table(file: str, code: str) -> None:
    frame = read(CODES / file)

    finding = found(of(frame), "missing_code")

    assert (finding.level, finding.n, finding.examples) == ("refuse", 7, (code,))
    assert f"--missing {code}" in finding.message
    with pytest.raises(RaterError, match=rf"7 of 320 answers are .*--missing {code}"):
        analyze(frame, plan_for(frame))


def test_the_table_without_its_codes_has_the_right_value() -> None:
    """By hand: −0.41 and −0.71 points for base minus steered, p = .003."""
    frame = read(CODES / "minus-99.csv")
    frame = frame[frame["answer"] != -99]

    primary = net(frame)

    assert primary.estimate == pytest.approx(0.41, abs=0.005)
    assert primary.p == pytest.approx(0.003, abs=0.0005)


def test_a_scale_that_was_named_is_not_suspected(clean: pd.DataFrame) -> None:
    frame = clean.assign(answer=clean["answer"].replace(5, 9))

    assert "missing_code" in codes(of(frame))
    assert codes(of(frame, points=9)) == {"assumed"}
    assert codes(of(frame, limits=(0, 9))) == {"assumed"}


def choices(answers: list[int]) -> pd.DataFrame:
    n = len(answers)
    table = {"rater": [f"r{i % 6}" for i in range(n)], "prompt": [f"p{i // 6}" for i in range(n)]}
    return read(pd.DataFrame({**table, "arm": "steered", "other_arm": "base", "answer": answers}))


WON = [1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 1]


def test_choices_that_may_be_won_and_lost_are_asked_for() -> None:
    frame = choices(WON)

    with pytest.raises(RaterError, match=r"no choice is below 0, and 7 of 30 are 0.*--choices 1/0"):
        analyze(frame, plan_for(frame))
    assert net(frame, choices="1/0").estimate == pytest.approx((23 - 7) / 30)
    assert net(frame, choices="signed").estimate == pytest.approx(23 / 30)


def test_choices_that_may_be_the_first_and_the_second_text_are_asked_for() -> None:
    frame = choices([2 - won for won in WON])

    with pytest.raises(RaterError, match=r"all choices are 1 or 2.*--choices 1/2"):
        analyze(frame, plan_for(frame))
    assert net(frame, choices="1/2").estimate == pytest.approx((23 - 7) / 30)


def test_choices_that_are_flags_are_won_and_lost() -> None:
    frame = choices(WON).assign(answer=[won == 1 for won in WON])

    assert net(frame, choices="1/0").estimate == pytest.approx((23 - 7) / 30)


def test_choices_with_another_coding_than_specified_are_refused() -> None:
    frame = choices([1, -1] * 15)

    with pytest.raises(RaterError, match=r"answer is -1 .*but choices coded 1/0 are 1 or 0"):
        analyze(frame, plan_for(frame, choices="1/0"))


@pytest.mark.parametrize("answers", [[1, -1, 0] * 10, [1] * 30, [2, -1, 1] * 10])
def test_choices_with_a_sign_or_all_of_one_kind_are_not_suspected(answers: list[int]) -> None:
    assert "choice_coding" not in codes(of(choices(answers)))


def test_a_code_among_choices_is_found() -> None:
    assert found(of(choices([1, -1, 0, 1, -1, 9] * 5)), "missing_code").level == "refuse"


@pytest.mark.parametrize("values", [[1, 2, 3], [5, 4, 1, 2], [1, 3, 7]])
def test_choices_on_a_scale_without_values_below_0_are_refused(values: list[int]) -> None:
    finding = found(of(choices(values * 10)), "choice_coding")

    assert finding.level == "refuse"
    assert "all choices are above 0" in finding.message
    assert "choice_coding" not in codes(of(choices(values * 10), choices="signed"))


def test_limits_name_the_strongest_preference() -> None:
    assert "missing_code" not in codes(of(choices([9, -9, 0, 1] * 5), limits=(-9, 9)))


def test_many_equal_answers_at_new_positions_are_copies_in_whatever_order(clean: pd.DataFrame) -> None:
    once = clean.assign(position=clean.groupby("rater").cumcount() + 1)
    again = once.sample(frac=1, random_state=1)
    again["position"] = again.groupby("rater").cumcount() + 100
    both = pd.concat([once, again], ignore_index=True)
    both.attrs = {}

    assert found(of(both), "sessions").n == len(clean)
    assert "trials" not in codes(of(both))


# Names and arms


def test_names_that_differ_in_case_alone_are_named(clean: pd.DataFrame) -> None:
    frame = clean.copy()
    frame.attrs = {}
    frame.loc[frame["rater"] == "r01", "arm"] = frame["arm"].str.upper()
    frame.loc[3, "rater"] = "R02"

    similar = [
        each for each in of(frame, contrast=("steered", "base")).findings if each.code == "similar_names"
    ]

    assert [each.examples for each in similar] == [("R02", "r02"), ("BASE", "base"), ("STEERED", "steered")]


# Designs


def test_confounded_arms_refuse_and_counterbalanced_ones_warn() -> None:
    frame = read(CASES / "12-each-prompt-in-one-arm" / "one-arm-of-each-prompt.csv")
    confounded = frame.assign(arm=np.where(frame["prompt"] < "p06", "steered", "base"))

    assert found(of(frame, test="cell_scores"), "counterbalanced").level == "warn"
    assert not of(frame, test="cell_scores").refuses
    assert found(of(confounded), "confounded").level == "refuse"
    assert of(confounded).refuses
    assert analyze(confounded, plan_for(confounded)).diagnosis.refuses


def test_the_number_of_answers_that_enter_the_test_is_known_beforehand() -> None:
    frame = read(CASES / "12-each-prompt-in-one-arm" / "a-few-in-both.csv")

    on_cells, of_all = of(frame, test="cell_scores"), of(frame)

    assert (on_cells.n_contrast, on_cells.n_primary) == (148, 8)
    assert found(on_cells, "few_paired").level == "warn"
    assert (of_all.n_contrast, of_all.n_primary) == (148, 148)
    assert not of_all.at("warn")
    (assumed,) = [each.message for each in of_all.findings if "mixed model" in each.message]
    assert "only 8 of 148 texts were shown to raters who were shown both arms" in assumed


def test_a_mixed_model_named_in_a_plan_is_noted_with_the_answers_that_it_uses() -> None:
    frame = read(CASES / "12-each-prompt-in-one-arm" / "a-few-in-both.csv")

    finding = found(of(frame, test="mixed_model"), "unpaired")

    assert finding.level == "note"
    assert "uses all 148 answers" in finding.message


def test_raters_of_one_arm_each_are_compared_with_a_warning() -> None:
    frame = read(CASES / "12-each-prompt-in-one-arm" / "one-arm-of-each-prompt.csv")
    between = frame.assign(arm=np.where(frame["rater"] < "r06", "steered", "base"))

    finding = found(of(between), "between_raters")

    assert finding.level == "warn"
    assert "chance decided which raters got which arm" in finding.message
    assert of(between, test="cell_scores").refuses


def test_an_analysis_has_the_diagnosis_of_its_rows(load: Load) -> None:
    frame = load("a").assign(
        position=lambda rows: rows.groupby("rater").cumcount() + 1,
        is_repeat=lambda rows: rows["position"] > 58,
        cannot_judge=lambda rows: rows["position"] == 3,
    )

    diagnosis = analyze(frame, plan_for(frame)).diagnosis

    assert (
        diagnosis.used == "720 rows, 684 analysed; left out: 24 repeated trials, 12 answered “cannot judge”."
    )
