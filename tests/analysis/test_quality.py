"""Each rater's time for a trial from a tidy frame, the same wherever it is shown."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rater.analysis.exclusions import exclude
from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.analysis.quality import paces_of, rate_raters, retest
from rater.report.context import ReportContext
from rater.report.sections.inputs import Findings
from rater.report.sections.integrity import list_checks
from rater.store.engine import disposing, reading
from rater.store.rating.monitoring import watch_raters
from rater.store.rating.open import open_rating
from rater.store.rating.studies import get_study
from rater.study.analysis_plan import Exclusions
from rater.study.study import Study
from tests.unblind.conftest import NOW, look, publish, rate

Load = Callable[[str], pd.DataFrame]


def rows(**given: list[float]) -> pd.DataFrame:
    """A frame from one list of answers for each rater, in the order shown."""
    return pd.DataFrame(
        [
            {
                "rater": rater,
                "item": f"i{number}",
                "prompt": "p",
                "dimension": "happiness",
                "answer": answer,
                "position": number,
                "shown_ms": 1000.0 * (number + 1) ** 2,
            }
            for rater, answers in given.items()
            for number, answer in enumerate(answers)
        ]
    )


@pytest.mark.parametrize("letter", ["a", "c"])
def test_agreement_with_the_others_is_rs_spearman(load: Load, reference: dict[str, Any], letter: str) -> None:
    """R: cor(answers, mean of the others' answers to the same items, method = "spearman")."""
    ours = {each.rater: each.agreement for each in rate_raters(load(letter), "happiness", range(1, 6))}

    assert ours == pytest.approx(reference[letter]["agreement"]["loo_spearman"], abs=1e-9)


def test_a_rater_is_described_by_level_spread_runs_and_time() -> None:
    strict, mild = rate_raters(rows(a=[1, 1, 1, 2], b=[3, 3, 3, 4]), "happiness", range(1, 6))

    assert (strict.rater, strict.n, strict.mean, strict.points_used) == ("a", 4, 1.25, 2)
    assert (strict.severity, mild.severity) == (-2.0, 2.0)
    assert strict.sd == pytest.approx(0.5)
    assert strict.entropy == pytest.approx(0.8112781)
    assert strict.longest_run == 3
    assert strict.median_s == 6.5
    assert strict.agreement == pytest.approx(1.0)


def test_a_straight_liner_has_no_entropy_one_run_and_no_correlation() -> None:
    liner, _ = rate_raters(rows(a=[3, 3, 3, 3], b=[1, 4, 2, 5]), "happiness", range(1, 6))

    assert (liner.entropy, liner.longest_run, liner.points_used) == (0.0, 4, 1)
    assert liner.agreement is None


def test_without_times_and_order_indicators_are_missing() -> None:
    (one,) = rate_raters(rows(a=[2]).drop(columns=["position", "shown_ms"]), "happiness", range(1, 6))

    assert (one.longest_run, one.median_s, one.sd, one.severity) == (None, None, None, None)


def test_a_run_ends_with_its_rater() -> None:
    qualities = rate_raters(rows(a=[1, 3, 3], b=[3, 3, 1]), "happiness", range(1, 6))

    assert [each.longest_run for each in qualities] == [2, 2]


def test_quality_is_blind_to_the_arms(load: Load) -> None:
    frame = load("a")
    shuffled = frame.assign(arm=np.random.default_rng(0).permutation(frame["arm"]))

    seen = [
        rate_raters(each, "happiness", range(1, 6)) for each in (frame, shuffled, frame.drop(columns="arm"))
    ]

    assert seen[0] == seen[1] == seen[2]


def test_repeated_texts_tell_how_well_raters_repeat_themselves() -> None:
    """Kappa of (1, 1), (5, 5), (2, 4), (3, 3): 1 − 4/4 / (2.1875 + 2.1875 + .25) = 1 − 1 / 4.625."""
    first = rows(a=[1, 5], b=[2, 3])
    again = first.assign(position=first["position"] + 10, answer=[1.0, 5.0, 4.0, 3.0])

    found = retest(pd.concat([again, first]), "happiness")

    assert found is not None
    assert (found.n_pairs, found.n_raters, found.same) == (4, 2, 0.75)
    assert found.kappa == pytest.approx(1 - 1 / (2.1875 + 2.1875 + 0.25))


def test_without_repeated_texts_there_is_no_retest(load: Load) -> None:
    assert retest(rows(a=[1, 2]), "happiness") is None
    assert retest(load("e"), "happiness") is None


AT_LEAST = Exclusions(min_median_seconds=1)


def trials(rater: str, *, shown: list[float | None], gap_s: float, n_dimensions: int = 1) -> pd.DataFrame:
    """Make a rater's rows: a trial every ``gap_s`` seconds, each with as many questions."""
    n = len(shown)
    rows = pd.DataFrame(
        {
            "rater": rater,
            "position": np.arange(1, n + 1),
            "shown_ms": pd.array(shown, dtype="Int64"),
            "hidden_ms": pd.array([None] * n, dtype="Int64"),
            "answered_at": pd.Timestamp("2026-04-01", tz="UTC") + pd.to_timedelta(np.arange(n) * gap_s, "s"),
            "prompt": [f"p{number // 2}" for number in range(n)],
            "arm": ["steered", "unsteered"] * (n // 2),
        }
    )
    rows["item"] = rows["prompt"] + rows["arm"]
    rows["answer"] = 1.0 + np.arange(n) % 5
    return pd.concat([rows.assign(dimension=name) for name in ("happiness", "calm")[:n_dimensions]])


def test_a_trial_with_several_questions_counts_once() -> None:
    shown: list[float | None] = [1_000, 9_000, 9_000, 9_000]

    pace = paces_of(trials("r", shown=shown, gap_s=10, n_dimensions=2))["r"]

    assert sorted(pace.seconds) == [1.0, 9.0, 9.0, 9.0]


def test_raters_who_are_numbers_and_rows_in_any_order_give_the_same() -> None:
    frame = trials("1", shown=[1_000, 2_000, 4_000, 8_000], gap_s=5)
    numbered = frame.assign(rater=1).sample(frac=1, random_state=3)

    assert paces_of(numbered)["1"].median_s == paces_of(frame)["1"].median_s == 3.0


def test_times_of_first_answers_go_before_those_of_revisions() -> None:
    frame = trials("r", shown=[None] * 4, gap_s=2)
    revised = frame.assign(
        first_answered_at=frame["answered_at"], answered_at=frame["answered_at"] + pd.Timedelta("1h")
    )
    revised.loc[revised["position"] == 2, "answered_at"] += pd.Timedelta("5min")

    assert paces_of(revised)["r"].seconds == (2.0, 2.0, 2.0)


def test_a_rater_without_javascript_is_excluded_by_the_servers_times() -> None:
    frame = pd.concat(
        [
            trials("bot", shown=[None] * 8, gap_s=0.01),
            trials("slow", shown=[None] * 8, gap_s=9),
            trials("quick", shown=[900] * 8, gap_s=9),
        ]
    )

    found = exclude(frame, None, AT_LEAST, primary=["happiness"])

    assert found is not None
    assert [each.rater for each in found.raters] == ["bot", "quick"]
    assert (found.n_server_timed, found.n_untimed) == (2, 0)
    assert "the times at which the server received the answers" in found.notes[0]


def test_raters_without_times_are_counted() -> None:
    frame = pd.concat(
        [trials("known", shown=[5_000] * 4, gap_s=9), trials("unknown", shown=[None] * 4, gap_s=9)]
    ).assign(answered_at=None)

    found = exclude(frame, None, AT_LEAST, primary=["happiness"])

    assert found is not None
    assert (found.n_server_timed, found.n_untimed) == (0, 1)
    assert found.notes == ("the time criterion could not be applied to 1 rater without times",)


def test_the_report_lists_the_rule_as_failed_where_it_passed_over_a_rater(planned: Planned) -> None:
    frame = pd.concat(
        [
            trials("known", shown=[5_000] * 4, gap_s=9),
            trials("server", shown=[None] * 4, gap_s=9),
            trials("unknown", shown=[None] * 4, gap_s=9).assign(answered_at=None),
        ]
    )

    analysis = analyze(frame, replace(planned, exclusions=AT_LEAST))

    checks = list_checks(Findings(analysis, ReportContext(title="t"), {}, frame=frame))
    said = {check.message: check.passed for check in checks if "time criterion" in check.message}
    assert list(said) == [
        "the time criterion could not be applied to 1 rater without times",
        (
            "for 1 rater, whose browsers sent no times, the time criterion uses the times at which the "
            "server received the answers"
        ),
    ]
    assert list(said.values()) == [False, None]


def test_exclusions_and_the_table_of_raters_show_the_same_number(planned: Planned) -> None:
    frame = pd.concat(
        [
            trials("a", shown=[3_000, 9_000, 9_000, 2_000], gap_s=9).assign(hidden_ms=1_000),
            trials("b", shown=[700] * 4, gap_s=9),
            trials("c", shown=[4_000] * 4, gap_s=9),
        ]
    )
    repeated = frame[frame["rater"] == "a"].head(2).assign(position=[5, 6], shown_ms=30_000, is_repeat=True)
    frame = pd.concat([frame.assign(is_repeat=False), repeated])
    rule = Exclusions(min_median_seconds=100)

    excluded = exclude(frame, None, rule, primary=["happiness"])
    [found] = analyze(frame, planned).dimensions

    assert excluded is not None
    reasons = {each.rater: each.reasons[0] for each in excluded.raters}
    shown = {each.rater: f"median time {each.median_s:.1f} s" for each in found.details.quality}
    assert (
        reasons
        == shown
        == {
            "a": "median time 8.0 s",
            "b": "median time 0.7 s",
            "c": "median time 4.0 s",
        }
    )


def test_the_desk_shows_the_time_for_a_trial_that_the_analysis_reads(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    seal_completions(study)
    publish(study, sealed_url, rating_url)
    rate(rating_url, study)
    rate(rating_url, study, n_trials=5)

    seen = look(sealed_url, rating_url, study)

    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        watched = watch_raters(session, get_study(session, study.name), now=NOW)
    assert {each.id: each.seconds_a_text for each in watched} == {
        rater: pace.median_s for rater, pace in paces_of(seen.frame).items()
    }
    assert {each.seconds_a_text for each in watched} == {0.9}
