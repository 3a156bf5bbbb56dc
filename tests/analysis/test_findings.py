from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rater.analysis import plan_for, read
from rater.analysis.diagnosis import Diagnosis, diagnose
from rater.analysis.findings import Finding

CASES = Path(__file__).parent.parent / "data" / "cases"


TWICE = CASES / "07-answered-twice"


def of(frame: pd.DataFrame, **options: object) -> Diagnosis:
    return diagnose(frame, plan_for(frame, **options))  # type: ignore[arg-type]  # each test gives its own


def found(diagnosis: Diagnosis, code: str) -> Finding:
    (finding,) = [each for each in diagnosis.findings if each.code == code]
    return finding


def codes(diagnosis: Diagnosis) -> set[str]:
    return {finding.code for finding in diagnosis.findings}


# What was answered twice


@pytest.fixture(scope="module")
def clean() -> pd.DataFrame:
    return read(TWICE / "clean.csv")


def test_an_id_under_two_prompts_is_named(clean: pd.DataFrame) -> None:
    frame = clean.assign(item=clean["item"].replace("p02-base-0", "p01-base-0"))

    finding = found(of(frame), "shared_ids")

    assert (finding.level, finding.n) == ("warn", 1)
    assert "p01-base-0 (p01 · base and p02 · base)" in finding.message


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


# Scales and choices


def test_a_point_that_nobody_used_asks_for_the_number_of_points(clean: pd.DataFrame) -> None:
    finding = found(of(clean.assign(answer=clean["answer"].replace({3: 2, 5: 4}))), "scale_gap")

    assert finding.level == "warn"
    assert finding.message.startswith(
        "no answer is 3, and the scale was taken to end at the highest answer, 4."
    )
    assert "--points N" in finding.message


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


def test_rows_marked_as_repeats_of_nothing_are_warned_about(clean: pd.DataFrame) -> None:
    frame = clean.assign(is_repeat=np.arange(len(clean)) % 10 == 0)

    assert found(of(frame), "unmatched").n == 32


def test_a_name_that_is_usually_none_is_warned_about(clean: pd.DataFrame) -> None:
    table = clean.replace({"rater": {clean["rater"].iloc[0]: "NA"}})

    assert "'NA'" in found(of(read(table)), "placeholders").message


def test_answers_to_arms_outside_the_contrast_are_counted(clean: pd.DataFrame) -> None:
    frame = clean.copy()
    frame.loc[frame["rater"] == "r01", "arm"] = "third"

    finding = found(of(frame, contrast=("steered", "base")), "unused_arms")

    assert (
        finding.message == "40 of 320 answers are to arms that are not in the primary contrast: third (40)."
    )
