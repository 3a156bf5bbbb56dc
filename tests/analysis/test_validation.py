"""Whatever frame the library is given, it is analysed under the right names or refused with a RaterError."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rater.analysis import analyze, plan_for
from rater.analysis.pilot import learn
from rater.analysis.plan import Planned
from rater.analysis.results import Result
from rater.analysis.validation import validate_frame
from rater.errors import RaterError

Load = Callable[[str], pd.DataFrame]


def crossed(effects: dict[str, float], n_raters: int = 8) -> pd.DataFrame:
    """Make a table of one answer a cell and arm, with a known difference on each prompt."""
    rows = [
        (f"r{rater}", prompt, arm, 3.0 + (arm == "steered") * (effect + (rater % 2)))
        for rater in range(n_raters)
        for prompt, effect in effects.items()
        for arm in ("steered", "unsteered")
    ]
    frame = pd.DataFrame(rows, columns=["rater", "prompt", "arm", "answer"])
    return frame.assign(item=frame["prompt"] + frame["arm"], dimension="happiness")


EFFECTS = {"p2": -1.0, "p10": 1.0, "p1": 0.0}
PLAN = {"contrast": ("steered", "unsteered"), "score": "scale_points", "points": 5}


def test_categories_in_any_order_keep_effects_under_their_names() -> None:
    frame = crossed(EFFECTS)
    categories = frame.assign(
        prompt=pd.Categorical(frame["prompt"], categories=["p2", "p10", "p1", "unused"], ordered=True),
        rater=pd.Categorical(frame["rater"], categories=sorted(frame["rater"].unique(), reverse=True)),
        item=frame["item"].astype("category"),
        arm=pd.Categorical(frame["arm"], categories=["unsteered", "steered"]),
        dimension=frame["dimension"].astype("category"),
    )

    (found,) = analyze(categories, plan_for(categories, **PLAN)).dimensions  # type: ignore[arg-type]

    effects = {effect.unit: effect.raw for effect in found.details.prompts}
    assert effects == {prompt: pytest.approx(effect + 0.5) for prompt, effect in EFFECTS.items()}
    raters = {effect.unit: effect.raw for effect in found.details.raters}
    assert raters == {f"r{rater}": pytest.approx(rater % 2) for rater in range(8)}
    (plain,) = analyze(frame, plan_for(frame, **PLAN)).dimensions  # type: ignore[arg-type]
    assert found.primary == plain.primary


def test_categories_in_any_order_keep_preferences_under_their_names() -> None:
    frame = crossed(EFFECTS).query("arm == 'steered'")
    frame = frame.assign(other_arm="unsteered", answer=np.sign(frame["answer"] - 3))
    frame = frame.assign(prompt=pd.Categorical(frame["prompt"], categories=["p2", "p10", "p1"]))

    (found,) = analyze(frame, plan_for(frame, contrast=("steered", "unsteered"))).dimensions

    # steered loses to half of the raters on p2 and ties with the others, and so on
    assert {effect.unit: effect.raw for effect in found.details.prompts} == {
        "p1": 0.5,
        "p10": 1.0,
        "p2": -0.5,
    }


@pytest.mark.parametrize("column", ["rater", "prompt", "item", "arm", "dimension"])
@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT, "", "  "])
def test_a_missing_name_is_refused_with_its_row(
    load: Load, planned: Planned, column: str, missing: object
) -> None:
    frame = load("a")
    frame[column] = pd.Series([missing if row == 7 else name for row, name in enumerate(frame[column])])

    with pytest.raises(RaterError, match=rf"{column} is .*row 8"):
        analyze(frame, planned)


def test_a_missing_number_among_numeric_names_is_refused(load: Load, planned: Planned) -> None:
    frame = load("a")
    frame["prompt"] = frame["prompt"].str[1:].astype(float)
    frame.loc[[3, 4, 5], "prompt"] = np.nan

    with pytest.raises(RaterError, match=r"prompt is missing in row 4 .*\(3 such rows\)"):
        analyze(frame, planned)


def test_names_of_several_types_are_compared_as_text() -> None:
    frame = crossed(EFFECTS)
    mixed = frame.assign(rater=[int(r[1:]) if i % 3 else r[1:] for i, r in enumerate(frame["rater"])])

    assert analyze(mixed, plan_for(mixed, **PLAN)).n.raters == 8  # type: ignore[arg-type]


@pytest.mark.parametrize("arms", [{"steered": True, "unsteered": False}, {"steered": 1, "unsteered": 0}])
def test_arms_that_are_flags_or_numbers_are_named_by_their_text(arms: dict[str, object]) -> None:
    frame = crossed(EFFECTS)
    frame["arm"] = frame["arm"].map(arms)
    contrast = (str(arms["steered"]), str(arms["unsteered"]))

    (found,) = analyze(frame, plan_for(frame, contrast=contrast, points=5)).dimensions

    assert isinstance(found.primary, Result)
    assert found.primary.estimate == pytest.approx(0.5, abs=1)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda f: f.set_index("rater"), id="a column in the index"),
        pytest.param(lambda f: pd.concat([f, f[["arm"]]], axis=1), id="a column twice"),
        pytest.param(
            lambda f: f.set_axis(pd.MultiIndex.from_product([["x"], f.columns]), axis=1), id="levels"
        ),
        pytest.param(lambda f: f.assign(answer=np.inf), id="infinite answers"),
        pytest.param(lambda f: f.assign(answer="happy"), id="answers in words"),
        pytest.param(lambda f: f.assign(answer=f["answer"].astype(str)), id="answers as text"),
        pytest.param(lambda f: f.assign(answer=pd.Timestamp("2026-01-01")), id="answers that are dates"),
        pytest.param(lambda f: f.assign(answer=1j), id="complex answers"),
        pytest.param(lambda f: f.assign(answer=[[1]] * len(f)), id="answers that are lists"),
        pytest.param(lambda f: f.assign(arm=[["a"]] * len(f)), id="arms that are lists"),
        pytest.param(lambda f: f.assign(rater=[("a", 1)] * len(f)), id="raters that are tuples"),
        pytest.param(lambda f: f.assign(item=b"x"), id="items that are bytes"),
        pytest.param(lambda f: f.assign(position="first"), id="positions in words"),
        pytest.param(lambda f: f.assign(shown_ms=np.inf), id="infinite times"),
        pytest.param(lambda f: f.assign(is_repeat=None), id="flags that are missing"),
        pytest.param(lambda f: f.assign(cannot_judge="no"), id="flags in words"),
        pytest.param(lambda _: pd.DataFrame(), id="nothing at all"),
        pytest.param(lambda f: f.to_dict("list"), id="a dictionary"),
        pytest.param(lambda _: None, id="None"),
    ],
)
def test_a_frame_that_is_none_is_refused(
    load: Load, planned: Planned, change: Callable[[pd.DataFrame], Any]
) -> None:
    frame = change(load("a"))

    with pytest.raises(RaterError):
        analyze(frame, planned)
    with pytest.raises(RaterError):
        learn(frame, planned.dimensions[0])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda f: f.set_axis([0] * len(f)), id="an index that repeats itself"),
        pytest.param(lambda f: f.set_index(["rater", "item"], drop=False), id="an index of two levels"),
        pytest.param(lambda f: f.astype({"answer": "Int64"}), id="nullable answers"),
        pytest.param(lambda f: f.astype({"answer": object}), id="answers as objects"),
        pytest.param(lambda f: f.assign(answer=[Decimal(int(x)) for x in f["answer"]]), id="decimals"),
        pytest.param(lambda f: f.assign(answer=f["answer"].astype(int).astype("category")), id="categories"),
        pytest.param(lambda f: f.astype(dict.fromkeys(("rater", "arm"), "string")), id="nullable text"),
        pytest.param(lambda f: f.assign(is_repeat=0, cannot_judge=0.0), id="flags as numbers"),
        pytest.param(lambda f: pd.concat([f.assign(x=1), f.assign(y=1)[["y"]], f.assign(x=2)[["x"]]], axis=1),
                     id="an unknown column twice"),
    ],
)  # fmt: skip
def test_another_type_of_a_column_changes_nothing(
    load: Load, planned: Planned, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    frame = load("a")

    (ours,) = analyze(change(frame), planned).dimensions

    assert ours.primary == analyze(frame, planned).dimensions[0].primary


def test_the_callers_frame_is_left_as_it_is(load: Load) -> None:
    frame = load("a").assign(rater=lambda rows: rows["rater"].astype("category"))
    before = frame.copy()

    validate_frame(frame)

    pd.testing.assert_frame_equal(frame, before)


NAMES = st.one_of(
    st.sampled_from(["a", "b", "1", "", " "]),
    st.integers(-2, 3),
    st.floats(allow_nan=True, width=16),
    st.booleans(),
    st.none(),
    st.just(pd.NA),
    st.dates(),
    st.binary(max_size=2),
    st.lists(st.integers(), max_size=1),
)
ANSWERS = st.one_of(
    st.integers(-99, 99), st.floats(allow_nan=True, allow_infinity=True), st.none(), st.text(max_size=2),
    st.booleans(), st.complex_numbers(max_magnitude=5), st.just(pd.NaT),
)  # fmt: skip
COLUMNS = {
    "rater": NAMES, "item": NAMES, "prompt": NAMES, "arm": NAMES, "dimension": st.one_of(st.just("d"), NAMES),
    "answer": ANSWERS, "position": ANSWERS, "is_repeat": st.one_of(st.booleans(), ANSWERS),
    "cannot_judge": st.one_of(st.booleans(), ANSWERS), "other_arm": NAMES, "other_item": NAMES,
    "guess": NAMES, "arm_is_left": st.one_of(st.booleans(), NAMES), "shown_ms": ANSWERS,
}  # fmt: skip


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Draw frames of which most columns are sound and some are anything."""
    n = draw(st.integers(0, 8))
    sound = {
        "rater": st.sampled_from(["r1", "r2"]), "item": st.sampled_from(["i1", "i2"]),
        "prompt": st.sampled_from(["p1", "p2"]), "arm": st.sampled_from(["a", "b"]),
        "dimension": st.just("d"), "answer": st.integers(1, 5),
    }  # fmt: skip
    wild = draw(st.sets(st.sampled_from(sorted(COLUMNS)), max_size=2))
    missing = draw(st.sets(st.sampled_from(sorted(sound)), max_size=1)) if draw(st.booleans()) else set()
    table = {
        name: draw(st.lists(COLUMNS[name] if name in wild else sound[name], min_size=n, max_size=n))
        for name in sorted({*sound, *wild} - missing)
    }
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in table.items()})


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(frame=frames())
def test_any_frame_is_analysed_or_refused(frame: pd.DataFrame) -> None:
    try:
        analyze(frame, plan_for(frame, contrast=("a", "b")))
    except RaterError as error:
        assert str(error)  # noqa: PT017 (either end is right)


@pytest.mark.parametrize("column", ["rater", "prompt", "arm", "item"])
@pytest.mark.parametrize("end", ["\u00a0", " ", "\u200b"])
def test_names_of_a_frame_that_look_the_same_are_one(column: str, end: str) -> None:
    frame = crossed(EFFECTS)
    frame["answer"] += np.arange(len(frame)) % 5 == 0
    other = frame.assign(
        **{column: [f"{name}{end}" if i % 3 else name for i, name in enumerate(frame[column])]}
    )

    results = [
        analyze(each, plan_for(each, contrast=("steered", "unsteered"), points=7)).dimensions[0].primary
        for each in (frame, other)
    ]

    assert results[0] == results[1]


def test_an_answer_too_large_to_be_squared_is_refused() -> None:
    frame = crossed(EFFECTS)
    frame.loc[3, "answer"] = 1e155

    with pytest.raises(RaterError, match=r"at most 1e100"):
        plan_for(frame, contrast=("steered", "unsteered"))
