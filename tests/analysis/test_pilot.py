"""Learn variances from a pilot: what was put in comes out, blind where it can be."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rater.analysis.answer_scale import Judged, Numbers, Preferences, Rated
from rater.analysis.ordinal.clmm import fit_levels
from rater.analysis.pilot import assume, learn, read_pilot
from rater.analysis.simulate import (
    AnswerModel,
    ContinuousAnswers,
    Cuts,
    ModelSDs,
    PairwiseAnswers,
    crossed,
    simulate,
)
from rater.errors import RaterError
from rater.study.scales import Likert

Load = Callable[[str], pd.DataFrame]
POINTS = Rated("happiness", "How happy?", Likert(points=5, low="not", high="very"))
SLIDER = Rated("happiness", "How happy?", Numbers(0, 1000))
TRUE = ModelSDs(rater=1.2, prompt=0.9, item=0.6, rater_arm=1.0, prompt_arm=0.8)
CONTRAST = ("first", "second")


def pilot(scale: AnswerModel, *, effect: float = 0.5) -> pd.DataFrame:
    """A large pilot: 40 raters × 30 prompts × 2 arms × 3 texts."""
    trials = crossed(40, 30, 3)
    answers = simulate(trials, effect=effect, scale=scale, rng=np.random.default_rng(8), spread=TRUE)
    return pd.DataFrame(
        {
            "rater": trials.rater,
            "prompt": trials.prompt,
            "item": trials.item,
            "arm": np.where(trials.is_first, *CONTRAST),
            "dimension": "happiness",
            "answer": answers.answer,
        }
    )


def blind(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns="arm")


def test_levels_without_arms_are_those_of_clmm(load: Load) -> None:
    """R: ordinal 2022.11-16, ``clmm(y ~ 1 + (1|rater) + (1|prompt) + (1|item))`` on data set a."""
    frame = load("a")

    fit = fit_levels(
        frame["answer"].to_numpy(),
        {name: frame[name].to_numpy(dtype=np.str_) for name in ("rater", "prompt", "item")},
    )

    assert fit.sds == pytest.approx({"item": 0.84006905, "rater": 0.70317028, "prompt": 0.44030601}, abs=1e-3)
    assert fit.thresholds == pytest.approx([-2.1390452, -0.90333527, 0.35406794, 1.6159995], abs=5e-4)


@pytest.mark.parametrize(
    ("judged", "scale"),
    [(POINTS, Cuts((-2.0, -0.5, 0.5, 1.0))), (SLIDER, ContinuousAnswers(0, 1000, 500, 40))],
)
def test_a_blind_pilot_gives_back_how_much_raters_prompts_and_texts_differ(
    judged: Judged, scale: AnswerModel
) -> None:
    """Texts carry half of what differs between arms: the effect of ±¼ and the prompts' slopes of 0.8 / 2."""
    found = learn(blind(pilot(scale)), judged)

    assert found.spread.rater == pytest.approx(np.hypot(1.2, 0.0), abs=0.3)
    assert found.spread.prompt == pytest.approx(0.9, abs=0.25)
    assert found.spread.item == pytest.approx(np.sqrt(0.6**2 + 0.4**2 + 0.25**2), abs=0.12)
    assert (found.spread.rater_arm, found.spread.prompt_arm) == (0.5, 0.5)
    assert "their estimation needs the arms of the pilot" in found.notes[-1]
    assert type(found.scale) is type(scale)
    if isinstance(found.scale, ContinuousAnswers):
        assert found.scale.unit == pytest.approx(40, rel=0.05)


@pytest.mark.parametrize(
    ("judged", "scale"),
    [(POINTS, Cuts((-2.0, -0.5, 0.5, 1.0))), (SLIDER, ContinuousAnswers(0, 1000, 500, 40))],
)
def test_with_arms_the_slopes_are_estimated_too(judged: Judged, scale: AnswerModel) -> None:
    found = learn(pilot(scale), judged, contrast=CONTRAST)

    assert found.spread.rater_arm == pytest.approx(1.0, abs=0.25)
    assert found.spread.prompt_arm == pytest.approx(0.8, abs=0.45)
    assert "the SD of the effect was" in found.notes[-1]


def test_slopes_are_never_planned_with_less_than_half_a_logit(load: Load) -> None:
    found = learn(load("c"), POINTS, contrast=("steered", "unsteered"))

    assert min(found.spread.rater_arm, found.spread.prompt_arm) >= 0.5


def test_of_choices_the_share_of_ties_is_learnt() -> None:
    which = Rated("which", "Which?", Preferences())
    frame = pd.DataFrame(
        {
            "rater": np.repeat(["a", "b"], 50),
            "prompt": np.tile(np.arange(50), 2),
            "item": np.tile(np.arange(50), 2),
            "dimension": "which",
            "answer": np.repeat([0.0, 1.0, -1.0, 1.0], 25),
        }
    )

    found = learn(frame, which)

    assert isinstance(found.scale, PairwiseAnswers)
    assert found.scale.tie == pytest.approx(0.62, abs=0.02)  # a quarter of choices between equal arms
    assert found.spread == ModelSDs()


def test_a_category_that_the_pilot_never_saw_is_never_drawn() -> None:
    frame = blind(pilot(Cuts((-2.0, -0.5, 0.5, 1.0)))).assign(answer=lambda rows: rows["answer"].clip(2, 4))

    found = learn(frame, POINTS)

    assert isinstance(found.scale, Cuts)
    assert (found.scale.at[0], found.scale.at[-1]) == (-50, 50)


@pytest.mark.parametrize("judged", [POINTS, SLIDER])
@pytest.mark.parametrize(
    "change",
    [
        lambda f: f[f["rater"] == 0],
        lambda f: f[f["prompt"] == 0],
        lambda f: f.assign(answer=3.0),
        lambda f: f.head(1),
    ],
)
def test_a_small_pilot_lists_its_assumptions(
    judged: Judged, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    found = learn(change(blind(pilot(Cuts((-2.0, -0.5, 0.5, 1.0))))), judged)

    assert any("assumed" in note or "nothing was estimated" in note for note in found.notes[:-2])
    assert np.isfinite(list(vars(found.spread).values())).all()


def test_a_pilot_of_other_questions_or_scales_is_refused(load: Load) -> None:
    other = Rated("fluency", "How fluent?", Likert(points=5, low="not", high="very"))
    shorter = Rated("happiness", "How happy?", Likert(points=3, low="not", high="very"))

    with pytest.raises(RaterError, match="no answers on fluency; its dimensions: happiness"):
        learn(load("a"), other)
    with pytest.raises(RaterError, match="happiness is answered with points 1 to 3"):
        learn(load("a"), shorter)


def test_a_csv_is_read_with_or_without_arms(tmp_path: Path, load: Load) -> None:
    load("a").to_csv(tmp_path / "known.csv", index=False)
    load("a").drop(columns="arm").to_csv(tmp_path / "blind.csv", index=False)
    load("a").drop(columns=["arm", "item"]).to_csv(tmp_path / "neither.csv", index=False)

    assert set(read_pilot(tmp_path / "known.csv", "happiness")["arm"]) == {"steered", "unsteered"}
    assert "arm" not in read_pilot(tmp_path / "blind.csv", "happiness").columns
    assert read_pilot(tmp_path / "blind.csv", "happiness")["item"].nunique() == 60
    load("a").drop(columns="dimension").to_csv(tmp_path / "one.csv", index=False)
    assert set(read_pilot(tmp_path / "one.csv", "happiness")["dimension"]) == {"happiness"}
    with pytest.raises(RaterError, match="neither a column 'item' nor a column 'arm'"):
        read_pilot(tmp_path / "neither.csv", "happiness")
    with pytest.raises(RaterError, match="There is no file"):
        read_pilot(tmp_path / "absent.csv", "happiness")


def test_without_a_pilot_points_are_cut_evenly_and_lines_have_five_logits() -> None:
    assert assume(POINTS) == Cuts((-1.5, -0.5, 0.5, 1.5))
    assert assume(SLIDER) == ContinuousAnswers(0, 1000, 500, 200)
    assert assume(Rated("which", "Which?", Preferences(3))) == PairwiseAnswers(0.5, 3)


@pytest.mark.parametrize("separator", ["\t", ";", ","])
def test_a_pilot_is_read_as_every_table_is(tmp_path: Path, load: Load, separator: str) -> None:
    path = tmp_path / "pilot.csv"
    load("a").to_csv(path, index=False, sep=separator)

    assert len(read_pilot(path, "happiness")) == len(load("a"))
    path.write_text(path.read_text() + separator.join(["r", "p"]) + "\n")
    with pytest.raises(RaterError, match="has 2 fields, but the header has"):
        read_pilot(path, "happiness")


def test_a_pilot_is_not_told_to_use_options_that_its_command_lacks(tmp_path: Path) -> None:
    (tmp_path / "pilot.csv").write_text("rater,prompt,item,answer\nr,p,i,good\n")

    with pytest.raises(
        RaterError, match="options are those of rater analyze --from; change the pilot's table"
    ):
        read_pilot(tmp_path / "pilot.csv", "happiness")


def test_arms_that_are_called_otherwise_than_in_the_study_are_named(load: Load) -> None:
    found = learn(load("c"), POINTS, contrast=("dataset", "unsteered"))
    again = learn(load("c"), POINTS, contrast=(" steered\u00a0", "unsteered"))

    assert (
        "the pilot's arms are steered, unsteered, but the study's contrast is dataset − unsteered"
        in found.notes[-2]
    )
    assert "the SD of the effect was" in again.notes[-1]


def test_texts_numbered_within_prompts_are_distinct() -> None:
    frame = blind(pilot(Cuts((-2.0, -0.5, 0.5, 1.0))))
    number = frame.groupby("prompt")["item"].transform(lambda items: pd.factorize(items)[0])

    ours, theirs = learn(frame.assign(item=number), POINTS), learn(frame, POINTS)

    assert ours.n_answers == theirs.n_answers
    assert ours.spread.item == pytest.approx(theirs.spread.item, abs=1e-4)
