import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, analyze
from rater.analysis.results import Result
from rater.report.export import to_json, write_csv, write_json
from rater.study.dimension import Dimension
from rater.study.scales import Likert
from tests.report.conftest import Made

ARMS = ("steered", "unsteered", "weak")

DOSES = {"unsteered": 0.0, "weak": 1.0, "steered": 4.0}


STATS = Path(__file__).parent.parent / "data" / "stats"


PLANNED = Planned(
    contrast=("steered", "unsteered"),
    dimensions=(Dimension(name="happiness", question="How happy?", scale=Likert(low="not", high="very")),),
    primary="happiness",
)


def load(letter: str) -> pd.DataFrame:
    frame = pd.read_csv(STATS / f"data_{letter}.csv")
    frame = frame.rename(columns={"condition": "arm", "rating": "answer"})
    return frame.assign(dimension="happiness", answer=frame["answer"].astype(float))


def refuse(constant: str) -> None:
    raise AssertionError(constant)


def test_results_are_objects_with_their_kind() -> None:
    content = json.loads(to_json(analyze(load("a"), PLANNED)), parse_constant=refuse)

    primary = content["dimensions"][0]["primary"]
    assert primary["kind"] == "result"
    assert primary["estimate"] == pytest.approx(0.344444444444)
    assert primary["interval"]["level"] == 0.95
    assert primary["n"] == {
        "raters": 12,
        "prompts": 10,
        "items": 60,
        "answers": 720,
        "cells": 120,
        "concepts": 0,
    }
    assert content["planned"]["contrast"] == ["steered", "unsteered"]
    assert content["planned"]["dimensions"][0]["scale"]["low"] == "not"


def test_what_is_not_estimable_is_in_the_json_with_its_reason() -> None:
    frame = load("a")

    content = json.loads(to_json(analyze(frame[frame["arm"] == "steered"], PLANNED)), parse_constant=refuse)

    primary = content["dimensions"][0]["primary"]
    assert (primary["kind"], primary["reason"]) == ("not_estimable", "“unsteered” has no answers yet")
    assert content["dimensions"][0]["arms"][1]["mean"] is None


def test_the_same_analysis_gives_the_same_bytes(tmp_path: Path) -> None:
    frame = load("c")

    write_json(analyze(frame, PLANNED), tmp_path / "one.json")
    write_json(analyze(frame.sample(frac=1, random_state=3), PLANNED), tmp_path / "other.json")

    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "other.json").read_bytes()


def test_the_json_has_all_that_the_screen_leaves_out() -> None:
    (found,) = json.loads(to_json(analyze(load("a"), PLANNED)), parse_constant=refuse)["dimensions"]

    details = found["details"]
    assert [effect["name"] for effect in details["effects"]] == [
        "probability of superiority",
        "probability of superiority, by rater",
        "Cohen's d",
        "Cliff's delta, pooled",
    ]
    assert len(details["prompts"]) == 10
    assert len(details["raters"]) == len(details["quality"]) == 12
    assert details["agreement"]["icc_mean"]["estimate"] == pytest.approx(0.723267, abs=1e-6)
    assert details["prompts"][0]["shrunken_interval"]["level"] == 0.95


def test_a_csv_is_tidy_sorted_and_dated_in_utc(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "answered_at": pd.to_datetime(["2026-03-01T12:00:05+01:00", "NaT"], utc=True),
            "arm": ["steered", "unsteered"],
            "answer": [4.0, 2.0],
            "shown_ms": [1250.0, None],
            "rater": ["r2", "r1"],
            "item": ["i1", 'i"2'],
            "prompt": ["p1", "p1"],
            "dimension": ["happiness", "happiness"],
            "position": [1, 2],
        }
    )

    write_csv(frame, tmp_path / "ratings.csv")

    assert (tmp_path / "ratings.csv").read_text(encoding="utf-8") == (
        "rater,position,item,prompt,arm,dimension,answer,shown_ms,answered_at\n"
        'r1,2,"i""2",p1,unsteered,happiness,2,,\n'
        "r2,1,i1,p1,steered,happiness,4,1250,2026-03-01T11:00:05Z\n"
    )


def test_rows_in_another_order_give_the_same_csv(tmp_path: Path) -> None:
    frame = load("c")

    write_csv(frame, tmp_path / "one.csv")
    write_csv(frame.iloc[::-1], tmp_path / "other.csv")

    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "other.csv").read_bytes()


@pytest.fixture(scope="module")
def wide(make: Made, planned: Planned) -> Analysis:
    """Three raters who differ much, of three arms: t intervals are wider than the scale."""
    frame = make(3, 4, ARMS)
    leaning = frame["rater"].map({"r0000": 2.0, "r0001": -2.0, "r0002": 0.0}) * (frame["arm"] == "steered")
    frame["answer"] = np.clip(frame["answer"] + leaning, 1, 5)
    return analyze(frame, replace(planned, doses=DOSES))


def test_the_interval_ends_at_the_bound_and_the_json_keeps_the_t_interval(wide: Analysis) -> None:
    primary = wide.dimensions[0].primary
    assert isinstance(primary, Result)
    assert primary.standard_error is not None
    assert primary.df is not None

    half = stats.t.ppf(0.975, primary.df) * primary.standard_error
    written = json.loads(to_json(wide))["dimensions"][0]["primary"]

    assert half > 1
    assert (written["interval"]["low"], written["interval"]["high"]) == (-1, 1)
    assert written["unclipped_interval"]["high"] == pytest.approx(primary.estimate + half)


def test_every_interval_of_the_json_is_possible(wide: Analysis) -> None:
    bounds = {"net_superiority": 1, "scale_points": 4, "answers": 1}

    def check(node: object) -> int:
        n = 0
        if isinstance(node, dict):
            ends = node.get("interval")
            if isinstance(ends, dict) and node.get("score") in bounds:
                # a straight line through bounded answers may rise by a little more than the scale is long
                steeper = 1.1 if node.get("test") == "linear trend over doses" else 1
                most = steeper * bounds[node["score"]] + 1e-12
                assert -most <= ends["low"] <= ends["high"] <= most, node
                n += 1
            return n + sum(check(each) for each in node.values())
        return sum(check(each) for each in node) if isinstance(node, list) else n

    assert check(json.loads(to_json(wide))) >= 9
