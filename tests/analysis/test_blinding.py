from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rater.analysis.blinding import DONT_KNOW, Blinding, bang_index, james_index
from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.analysis.results import NotEstimable, Result
from rater.errors import RaterError

Load = Callable[[str], pd.DataFrame]
EXAMPLES = ["blinding_example", "blinding_unblinded_example", "blinding_random_example"]


@pytest.mark.parametrize("example", EXAMPLES)
def test_bangs_index_is_that_of_r(reference: dict[str, Any], example: str) -> None:
    """R: BI::BI; the first arm's right guesses are in the first column, the second's in the second."""
    (a, b, unknown_first), (c, d, unknown_second) = reference[example]["table"]

    found = {
        "steered": bang_index((a, b, unknown_first), "steered"),
        "unsteered": bang_index((d, c, unknown_second), "unsteered"),
    }

    for arm, ours in found.items():
        theirs = reference[example]["bang"][arm]
        assert ours.estimate == pytest.approx(theirs["BI"], abs=1e-9)
        assert ours.standard_error == pytest.approx(theirs["se"], abs=1e-9)
        assert [ours.interval.low, ours.interval.high] == pytest.approx(theirs["ci95_two_sided"], abs=1e-9)
        assert ours.p == pytest.approx(theirs["p_one_sided"], abs=1e-9)


@pytest.mark.parametrize("example", EXAMPLES)
def test_jamess_index_is_that_of_r(reference: dict[str, Any], example: str) -> None:
    ours = james_index(reference[example]["table"])

    theirs = reference[example]["james"]
    assert ours is not None
    assert ours.estimate == pytest.approx(theirs["BI"], abs=1e-9)
    assert ours.standard_error == pytest.approx(theirs["se"], abs=1e-9)
    assert [ours.interval.low, ours.interval.high] == pytest.approx(theirs["ci95"], abs=1e-9)


@given(st.lists(st.integers(0, 30), min_size=6, max_size=6))
def test_jamess_index_lies_between_0_and_1(counts: list[int]) -> None:
    index = james_index([counts[:3], counts[3:]])

    assert index is None or 0 <= index.estimate <= 1 + 1e-12


@pytest.mark.parametrize(
    ("table", "expected"),
    [([[9, 0, 0], [0, 9, 0]], 0.0), ([[1, 1, 98], [1, 1, 98]], 0.99), ([[5, 5, 0], [5, 5, 0]], 0.5)],
)
def test_jamess_index_is_0_for_seeing_and_half_for_chance(table: list[list[int]], expected: float) -> None:
    index = james_index(table)

    assert index is not None
    assert index.estimate == pytest.approx(expected)


def test_nobody_guessing_leaves_james_undefined() -> None:
    assert james_index([[0, 0, 5], [0, 0, 5]]) is None


def guessed(frame: pd.DataFrame, right: float, seed: int = 2) -> pd.DataFrame:
    """Let a share of guesses be right, half of the others wrong."""
    rng = np.random.default_rng(seed)
    other = frame["arm"].map({"steered": "unsteered", "unsteered": "steered"})
    drawn = rng.random(len(frame))
    unknown = np.where(drawn < (1 + right) / 2, other, DONT_KNOW)
    return frame.assign(guess=np.where(drawn < right, frame["arm"], unknown))


def blinding_of(frame: pd.DataFrame, planned: Planned) -> Blinding:
    found = analyze(frame, planned).blinding
    assert isinstance(found, Blinding)
    return found


def test_guesses_are_counted_by_arm_and_tested_over_raters_and_prompts(load: Load, planned: Planned) -> None:
    frame = guessed(load("a"), right=0.6)

    found = blinding_of(frame, planned)

    right = (frame["guess"] == frame["arm"]).groupby(frame["arm"]).sum()
    assert [(arm, n) for arm, n, _, _ in found.counts] == [
        ("steered", right["steered"]),
        ("unsteered", right["unsteered"]),
    ]
    assert all(sum(counts[1:]) == 360 for counts in found.counts)
    assert isinstance(found.together, Result)
    assert found.together.n.cells == 120
    assert found.together.estimate == pytest.approx(np.mean([index.estimate for index in found.bang]))
    assert found.together.p < 0.001
    (_, right_1, wrong_1, unknown_1), (_, right_2, wrong_2, unknown_2) = found.counts
    assert found.james == james_index([[right_1, wrong_1, unknown_1], [wrong_2, right_2, unknown_2]])
    assert found.james is not None
    assert found.james.estimate < 0.45


def test_the_effect_is_shown_for_each_kind_of_guess(load: Load, planned: Planned) -> None:
    found = blinding_of(guessed(load("a"), right=0.4), planned)

    assert [kind for kind, _ in found.effects] == ["right", "wrong", "don't know"]
    assert all(isinstance(effect, Result) for _, effect in found.effects)


def test_a_rater_who_sees_the_arms_makes_the_clustered_interval_wider(load: Load, planned: Planned) -> None:
    frame = load("a")
    sees = frame["rater"].isin(["r01", "r02", "r03", "r04"])
    other = frame["arm"].map({"steered": "unsteered", "unsteered": "steered"})
    wrong = np.random.default_rng(4).random(len(frame)) < 0.5
    clustered = frame.assign(guess=np.where(sees | ~wrong, frame["arm"], other))

    found = blinding_of(clustered, planned)

    (_, first), _ = found.by_arm
    assert isinstance(first, Result)
    assert first.standard_error is not None
    assert first.standard_error > 2 * found.bang[0].standard_error


def test_without_guesses_there_is_nothing_to_say(load: Load, planned: Planned) -> None:
    assert analyze(load("e"), planned).blinding is None


def test_blinding_without_guesses_has_a_reason(load: Load, planned: Planned) -> None:
    found = analyze(load("e").assign(guess=None), planned).blinding

    assert isinstance(found, NotEstimable)
    assert found.reason == "no rater was asked to guess"


def test_two_changed_arms_without_guesses_have_a_reason(load: Load, planned: Planned) -> None:
    frame = load("a")
    nobody = asked(frame, ["changed"]).iloc[:0]

    found = analyze(frame, replace(planned, changed=("steered", "unsteered")), guesses=nobody).blinding

    assert isinstance(found, NotEstimable)
    assert found.reason == "no rater was asked to guess"


def test_a_guess_that_is_not_an_arm_is_refused(load: Load, planned: Planned) -> None:
    with pytest.raises(
        RaterError, match=r"guess is 'stered', which is not an arm\. Did you mean 'steered'\?"
    ):
        analyze(load("e").assign(guess="stered"), planned)


def asked(frame: pd.DataFrame, guess: list[str]) -> pd.DataFrame:
    """One guess about each of a rater's first texts."""
    few = frame[frame.groupby("rater").cumcount() < len(guess)]
    return few[["rater", "item", "arm"]].assign(guess=np.tile(guess, few["rater"].nunique()))


def test_an_answer_to_the_blinding_question_is_right_if_the_arm_was_changed(
    load: Load, planned: Planned
) -> None:
    frame = load("a")
    guesses = asked(frame, ["changed", "unchanged", "unsure", "changed"])

    found = analyze(frame, replace(planned, changed=("steered",)), guesses=guesses).blinding

    assert isinstance(found, Blinding)
    right = ((guesses["guess"] == "changed") & (guesses["arm"] == "steered")).sum()
    right += ((guesses["guess"] == "unchanged") & (guesses["arm"] == "unsteered")).sum()
    assert sum(count for _, count, _, _ in found.counts) == right
    assert sum(count for *_, count in found.counts) == 12
    assert sum(sum(counts) for _, *counts in found.counts) == 48


def test_guesses_of_change_cannot_distinguish_two_changed_arms(load: Load, planned: Planned) -> None:
    frame = load("a")

    found = analyze(
        frame, replace(planned, changed=("steered", "unsteered")), guesses=asked(frame, ["changed"])
    ).blinding

    assert isinstance(found, NotEstimable)
    assert found.reason == "both arms compared were changed, so guesses cannot distinguish them"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda g: g.assign(guess="maybe"),
            "guess is 'maybe' .rater r01.; valid: changed, unchanged, unsure",
        ),
        (lambda g: g.drop(columns="guess"), "has no column 'guess'"),
        (lambda g: pd.concat([g, g]), "guessed about item .* twice"),
    ],
)
def test_a_frame_of_guesses_that_cannot_be_one_is_refused(
    load: Load, planned: Planned, change: Callable[[pd.DataFrame], pd.DataFrame], said: str
) -> None:
    frame = load("a")

    with pytest.raises(RaterError, match=said):
        analyze(frame, replace(planned, changed=("steered",)), guesses=change(asked(frame, ["changed"])))
