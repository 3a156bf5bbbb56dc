from dataclasses import replace

import numpy as np
import pandas as pd

from rater.analysis.primary import analyze
from rater.analysis.sequential import Seen
from rater.report.console.analysis import Screen
from rater.study.analysis_plan import Exclusions
from tests.report.console.printed import PLANNED, load, shown


def test_further_arms_and_their_trend_are_shown() -> None:
    frame = load("a")
    stronger = frame[frame["arm"] == "steered"].assign(
        arm="twice",
        answer=lambda rows: (rows["answer"] + 1).clip(upper=5),
        item=lambda rows: "x" + rows["item"],
    )
    planned = replace(PLANNED, doses={"unsteered": 0.0, "steered": 1.0, "twice": 2.0})

    lines = shown(analyze(pd.concat([frame, stronger]), planned), Screen("Texts")).splitlines()

    at = lines.index("  Against the control, p-values with Holm correction")
    assert [line.split()[0] for line in lines[at + 3 : at + 5]] == ["steered", "twice"]
    assert any(line.startswith("  Trend: 1.47 scale points from dose 0 to 2 (") for line in lines)
    assert not any("Monotone trend" in line for line in lines)


def test_guesses_are_shown_with_the_effect_where_they_failed() -> None:
    frame = load("a")
    wrong = frame["arm"].map({"steered": "unsteered", "unsteered": "steered"})
    drawn = np.random.default_rng(2).random(len(frame))
    guess = frame["arm"].mask(drawn < 0.6, wrong).mask(drawn < 0.3, "don't know")

    text = " ".join(shown(analyze(frame.assign(guess=guess), PLANNED), Screen("Texts")).split())

    assert "Blinding: 720 guesses, 298 correct, 191 wrong, 231 don't know" in text
    assert "Bang's index 0." in text
    assert "In trials with a wrong guess, the difference is 0." in text
    assert "In trials with the guess “don't know”, the difference is 0." in text


def test_several_looks_are_counted_with_the_type_i_error() -> None:
    analysis = analyze(load("e"), PLANNED)

    once, often, again = (
        " ".join(
            shown(
                analysis, Screen("Texts", looked_at=[Seen(size, 30, is_interim=True) for size in sizes])
            ).split()
        )
        for sizes in ((30,), (15, 30), (30, 30))
    )

    assert "analysed by arm" not in once
    assert "Answers were analysed by arm 2 times, at 15, 30 answers." in often
    assert "the type I error is up to 8.3% instead of 5%" in often
    assert "always the same answers: no inflation" in again


def test_exclusions_are_shown_with_the_result_without_exclusions() -> None:
    planned = replace(PLANNED, exclusions=Exclusions(max_same_answer_share=0.4))

    text = " ".join(shown(analyze(load("a"), planned), Screen("Texts")).split())

    assert (
        "Excluded by the declared criteria: 1 rater; without exclusions the estimate is 0.34 (0.20 to 0.49)"
        in text
    )
