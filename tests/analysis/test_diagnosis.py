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


@pytest.mark.parametrize(
    ("file", "n_copies", "n_second"),
    [
        ("whole-file-twice.csv", 320, 0),
        ("positions-whole-file-twice.csv", 320, 0),
        ("two-raters-submitted-again.csv", 42, 38),
    ],
)
def test_what_was_submitted_again_changes_no_result(
    clean: pd.DataFrame, file: str, n_copies: int, n_second: int
) -> None:
    frame = read(TWICE / file)
    diagnosis = of(frame)

    assert found(diagnosis, "copies").n == n_copies
    assert sum(each.n for each in diagnosis.findings if each.code == "second") == n_second
    assert diagnosis.n_rows == len(frame)
    assert diagnosis.n_used == 320
    assert net(frame) == net(clean)
    assert analyze(frame, plan_for(frame)).dimensions[0].details.retest is None


def test_second_submissions_name_their_raters(clean: pd.DataFrame) -> None:
    finding = found(of(read(TWICE / "two-raters-submitted-again.csv")), "second")

    assert finding.level == "warn"
    assert "38 rows are second, different answers to a text" in finding.message
    assert "rater r02" in finding.message


def numbered(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(position=frame.groupby("rater").cumcount() + 1)


def test_a_copied_session_with_new_positions_is_not_a_retest(clean: pd.DataFrame) -> None:
    frame = numbered(pd.concat([clean, clean], ignore_index=True))

    assert found(of(frame), "sessions").n == 320
    (dimension,) = analyze(frame, plan_for(frame)).dimensions
    assert dimension.details.retest is None
    assert dimension.primary == net(clean)


def test_a_second_submission_with_new_positions_counts_as_repeated_trials(clean: pd.DataFrame) -> None:
    again = clean[clean["rater"] == "r02"].assign(answer=lambda rows: 6 - rows["answer"])
    frame = numbered(pd.concat([clean, again], ignore_index=True))

    assert found(of(frame), "trials").n == 40
    assert net(frame).estimate == net(clean).estimate


def test_true_repeats_in_another_order_are_a_retest(clean: pd.DataFrame) -> None:
    again = clean[clean["rater"] == "r02"].iloc[[7, 3, 21, 11, 30, 2]]
    frame = numbered(pd.concat([clean, again], ignore_index=True))

    (dimension,) = analyze(frame, plan_for(frame)).dimensions

    assert dimension.details.retest is not None
    assert (dimension.details.retest.n_pairs, dimension.details.retest.same) == (6, 1.0)


def test_positions_that_begin_anew_are_two_sessions_in_the_order_of_rows(clean: pd.DataFrame) -> None:
    later = clean[clean["rater"] == "r01"].iloc[::-1].assign(answer=lambda rows: 6 - rows["answer"])
    frame = pd.concat([numbered(clean), numbered(later)], ignore_index=True)

    assert found(of(frame), "two_sessions").examples == ("r01",)
    assert net(frame).estimate == net(clean).estimate


@pytest.mark.parametrize("shuffled", [False, True])
def test_copies_without_ids_of_texts_are_found_where_each_was_rated_once(
    clean: pd.DataFrame, *, shuffled: bool
) -> None:
    once = clean.drop_duplicates(["rater", "prompt", "arm"])[["rater", "prompt", "arm", "answer"]]
    twice = pd.concat([once, once.iloc[[3, 17, 40, 41, 90]]])
    if shuffled:
        twice = twice.sample(frac=1, random_state=1)
    diagnosis = of(read(twice))

    assert found(diagnosis, "copies").n == 5
    assert net(read(twice)).estimate == pytest.approx(net(read(once)).estimate)


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


def test_choices_given_twice_are_found_whichever_text_is_named_first() -> None:
    frame = choices([1, 1, -1, 1, 1, 1, 0] * 5)
    turned = frame.head(3).assign(arm="base", other_arm="steered", answer=-frame["answer"])
    turned["item"] = turned["prompt"] + " · base"
    again = pd.concat([frame, turned], ignore_index=True)

    assert found(of(again), "copies").n == 3
    assert net(again).p == net(frame).p


# Ids of texts


@pytest.mark.parametrize("positions", [False, True])
def test_ids_that_are_unique_within_prompts_alone_lose_no_answer(
    clean: pd.DataFrame, *, positions: bool
) -> None:
    within = clean.assign(item=clean["item"].str[-1])
    if positions:
        within, clean = numbered(within), numbered(clean)

    diagnosis = of(within)

    assert found(diagnosis, "shared_ids").level == "note"
    assert diagnosis.n_used == 320
    ours, theirs = (analyze(each, plan_for(each)).dimensions[0] for each in (within, clean))
    assert ours.primary.n == theirs.primary.n
    assert ours.primary.estimate == theirs.primary.estimate
    assert ours.details.ordinal.estimate == pytest.approx(theirs.details.ordinal.estimate, abs=1e-6)
    assert "(1 | item)" in str(ours.details.ordinal.settings)  # type: ignore[union-attr]


def test_an_id_under_two_prompts_is_named(clean: pd.DataFrame) -> None:
    frame = clean.assign(item=clean["item"].replace("p02-base-0", "p01-base-0"))

    finding = found(of(frame), "shared_ids")

    assert (finding.level, finding.n) == ("warn", 1)
    assert "p01-base-0 (p01 · base and p02 · base)" in finding.message


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


@pytest.mark.parametrize("scale", [5, 7, 11])
@pytest.mark.parametrize("code", [-1, -9, -99, -999, 99, 999])
def test_codes_are_found_on_scales_of_points(clean: pd.DataFrame, scale: int, code: int) -> None:
    rng = np.random.default_rng(1)
    answers = rng.integers(1, scale + 1, len(clean)).astype(float)
    answers[::60] = code

    finding = found(of(clean.assign(answer=answers)), "missing_code")

    assert (finding.level, finding.examples) == ("refuse", (str(code),))


@pytest.mark.parametrize(
    ("scale", "codes_", "level"),
    [
        (range(1, 6), (9,), "refuse"),
        (range(1, 6), (-9, -99), "refuse"),
        (range(1, 6), (98, 99), "refuse"),
        (range(1, 6), (44,), "refuse"),
        (range(1, 6), (0,), "warn"),
        (range(101), (-1,), "refuse"),
        (range(101), (999,), "refuse"),
        (range(40, 60), (0,), "warn"),
        (range(-3, 4), (-99,), "refuse"),
    ],
)
def test_codes_are_found_wherever_they_are_apart(
    clean: pd.DataFrame, scale: range, codes_: tuple[int, ...], level: str
) -> None:
    rng = np.random.default_rng(1)
    answers = rng.choice(list(scale), len(clean)).astype(float)
    answers[5 : 5 + 2 * len(codes_)] = np.repeat(codes_, 2)

    finding = found(of(clean.assign(answer=answers)), "missing_code")

    assert (finding.level, finding.n) == (level, 2 * len(codes_))
    assert set(finding.examples) == {str(code) for code in codes_}


@pytest.mark.parametrize(
    "scale",
    [range(1, 6), range(11), range(-3, 4), (-1, 0, 1), range(101), range(1, 10), range(-99, 100), (0, 1)],
)
def test_no_code_is_suspected_among_the_points_of_a_scale(
    clean: pd.DataFrame, scale: range | tuple[int, ...]
) -> None:
    answers = np.random.default_rng(1).choice(list(scale), len(clean)).astype(float)

    assert "missing_code" not in codes(of(clean.assign(answer=answers)))


def test_measurements_with_a_long_tail_have_no_code(clean: pd.DataFrame) -> None:
    answers = np.exp(np.random.default_rng(1).normal(0, 2, len(clean)))

    assert codes(of(clean.assign(answer=answers))) == {"assumed"}


def test_a_scale_that_was_named_is_not_suspected(clean: pd.DataFrame) -> None:
    frame = clean.assign(answer=clean["answer"].replace(5, 9))

    assert "missing_code" in codes(of(frame))
    assert codes(of(frame, points=9)) == {"assumed"}
    assert codes(of(frame, limits=(0, 9))) == {"assumed"}


# Scales and choices


def test_a_point_that_nobody_used_asks_for_the_number_of_points(clean: pd.DataFrame) -> None:
    finding = found(of(clean.assign(answer=clean["answer"].replace({3: 2, 5: 4}))), "scale_gap")

    assert finding.level == "warn"
    assert finding.message.startswith(
        "no answer is 3, and the scale was taken to end at the highest answer, 4."
    )
    assert "--points N" in finding.message


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


@pytest.mark.parametrize("code", [-2, -5, -0.5, -32768])
def test_a_rare_negative_number_below_a_scale_from_1_is_refused(clean: pd.DataFrame, code: float) -> None:
    answers = clean["answer"].where(np.arange(len(clean)) % 40 > 0, code)

    assert found(of(clean.assign(answer=answers)), "missing_code").level == "refuse"


def test_a_code_is_written_so_that_it_can_be_given_as_missing(clean: pd.DataFrame) -> None:
    answers = clean["answer"].where(np.arange(len(clean)) % 40 > 0, 2147483647)

    assert "--missing 2147483647 " in found(of(clean.assign(answer=answers)), "missing_code").message


def test_a_value_apart_from_a_scale_that_begins_at_0_is_warned_about(clean: pd.DataFrame) -> None:
    answers = (clean["answer"] > 2).astype(float).where(np.arange(len(clean)) % 40 > 0, 8)

    assert found(of(clean.assign(answer=answers)), "scale_gap").examples == ("2", "3", "4", "5", "6")


def test_a_rare_answer_far_above_many_values_is_warned_about(clean: pd.DataFrame) -> None:
    numbers = clean["answer"] * 10 + np.arange(len(clean)) % 7
    answers = numbers.where(np.arange(len(clean)) % 40 > 0, 1000)

    assert found(of(clean.assign(answer=answers)), "missing_code").level == "warn"
    assert "missing_code" not in codes(of(clean.assign(answer=numbers)))


def test_many_equal_answers_at_new_positions_are_copies_in_whatever_order(clean: pd.DataFrame) -> None:
    once = clean.assign(position=clean.groupby("rater").cumcount() + 1)
    again = once.sample(frac=1, random_state=1)
    again["position"] = again.groupby("rater").cumcount() + 100
    both = pd.concat([once, again], ignore_index=True)
    both.attrs = {}

    assert found(of(both), "sessions").n == len(clean)
    assert "trials" not in codes(of(both))


def test_rows_marked_as_repeats_of_nothing_are_warned_about(clean: pd.DataFrame) -> None:
    frame = clean.assign(is_repeat=np.arange(len(clean)) % 10 == 0)

    assert found(of(frame), "unmatched").n == 32


def test_a_name_that_is_usually_none_is_warned_about(clean: pd.DataFrame) -> None:
    table = clean.replace({"rater": {clean["rater"].iloc[0]: "NA"}})

    assert "'NA'" in found(of(read(table)), "placeholders").message


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


def test_answers_to_arms_outside_the_contrast_are_counted(clean: pd.DataFrame) -> None:
    frame = clean.copy()
    frame.loc[frame["rater"] == "r01", "arm"] = "third"

    finding = found(of(frame, contrast=("steered", "base")), "unused_arms")

    assert (
        finding.message == "40 of 320 answers are to arms that are not in the primary contrast: third (40)."
    )


# Designs


def test_confounded_arms_refuse_and_counterbalanced_ones_warn() -> None:
    frame = read(CASES / "12-each-prompt-in-one-arm" / "one-arm-of-each-prompt.csv")
    confounded = frame.assign(arm=np.where(frame["prompt"] < "p06", "steered", "base"))

    assert found(of(frame), "counterbalanced").level == "warn"
    assert not of(frame).refuses
    assert found(of(confounded), "confounded").level == "refuse"
    assert of(confounded).refuses
    assert analyze(confounded, plan_for(confounded)).diagnosis.refuses


def test_the_number_of_answers_that_enter_the_test_is_known_beforehand() -> None:
    diagnosis = of(read(CASES / "12-each-prompt-in-one-arm" / "a-few-in-both.csv"))

    assert (diagnosis.n_contrast, diagnosis.n_primary) == (148, 8)
    assert found(diagnosis, "few_paired").level == "warn"


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
