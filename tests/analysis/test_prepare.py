from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from rater.analysis import plan_for, read
from rater.analysis.diagnosis import Diagnosis, diagnose
from rater.analysis.findings import Finding
from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.analysis.results import Result
from rater.errors import RaterError
from rater.study.dimension import Dimension
from rater.study.scales import Slider

CASES = Path(__file__).parent.parent / "data" / "cases"

TWICE = CASES / "07-answered-twice"


Load = Callable[[str], pd.DataFrame]


@pytest.mark.parametrize("answer", [0.0, 6.0, 2.5, float("nan")])
def test_a_rating_off_the_scale_is_refused(load: Load, planned: Planned, answer: float) -> None:
    frame = load("a")
    frame.loc[5, "answer"] = answer

    with pytest.raises(
        RaterError, match=r"answer is .* \(rater r01, item p01s3\), but happiness is answered"
    ):
        analyze(frame, planned)


SLIDER = Dimension(
    name="happiness",
    question="How happy?",
    scale=Slider(minimum=0, maximum=100, step=5, low="not", high="very"),
)


def slid(frame: pd.DataFrame) -> pd.DataFrame:
    """Points 1 to 5 as 0, 25, …, 100 of a slider."""
    return frame.assign(answer=(frame["answer"] - 1) * 25)


@pytest.mark.parametrize("answer", [-5.0, 105.0, 52.0, float("nan")])
def test_a_rating_off_the_slider_or_between_its_steps_is_refused(
    load: Load, planned: Planned, answer: float
) -> None:
    frame = slid(load("a"))
    frame.loc[5, "answer"] = answer

    with pytest.raises(
        RaterError, match="but happiness is answered with numbers from 0 to 100 in steps of 5"
    ):
        analyze(frame, replace(planned, dimensions=(SLIDER,)))


def of(frame: pd.DataFrame, **options: object) -> Diagnosis:
    return diagnose(frame, plan_for(frame, **options))  # type: ignore[arg-type]  # each test gives its own


def found(diagnosis: Diagnosis, code: str) -> Finding:
    (finding,) = [each for each in diagnosis.findings if each.code == code]
    return finding


def net(frame: pd.DataFrame, **options: object) -> Result:
    (dimension,) = analyze(frame, plan_for(frame, **options)).dimensions  # type: ignore[arg-type]
    assert isinstance(dimension.primary, Result)
    return dimension.primary


# What was answered twice


@pytest.fixture(scope="module")
def clean() -> pd.DataFrame:
    return read(TWICE / "clean.csv")


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


def choices(answers: list[int]) -> pd.DataFrame:
    n = len(answers)
    table = {"rater": [f"r{i % 6}" for i in range(n)], "prompt": [f"p{i // 6}" for i in range(n)]}
    return read(pd.DataFrame({**table, "arm": "steered", "other_arm": "base", "answer": answers}))
