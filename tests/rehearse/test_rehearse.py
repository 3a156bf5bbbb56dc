import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal
from scipy import stats

from rater.analysis.arm_strengths import ArmRanking
from rater.analysis.primary import analyze
from rater.analysis.results import Result
from rater.bots.behaviours import Character
from rater.errors import StateError
from rater.rehearse import DetectionRate, SimulatedRaters, rehearse, rehearse_many
from rater.runners.processes import LocalProcesses
from rater.sample_size import power_as_planned
from rater.study.analysis_plan import AnalysisPlan, CoprimaryTest
from rater.study.arms import Steered, XVector
from rater.study.composite import Composite
from rater.study.dimension import Dimension
from rater.study.questionnaire import Question
from rater.study.scales import BestWorst, OddOneOut, Ranking
from rater.study.study import Study
from tests.unblind.test_join import referring


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.db")}


@pytest.fixture
def generated(study: Study, seal_completions: Callable[[Study], None]) -> Study:
    seal_completions(study)
    return study


def test_bots_of_every_character_go_the_whole_way_and_real_databases_stay_as_they_are(
    generated: Study, sealed_url: str, tmp_path: Path
) -> None:
    before = digests(tmp_path)
    characters: tuple[Character, ...] = (
        "quitting", "double-tabbing", "slow", "random", "middle", "lazy", "leaving",
    )  # fmt: skip

    simulated = SimulatedRaters(n_raters=8, effect=2, seed=1, characters=characters)
    seen = rehearse(sealed_url, generated.name, simulated, progress=lambda _: None)

    assert (seen.progress.n_raters, seen.progress.n_finished, seen.progress.n_answers) == (8, 7, 7 * 8 + 4)
    assert seen.frame["answer"].between(1, 5).all()
    assert (seen.frame.groupby(["rater", "position"]).size() == 1).all()
    by_rater = seen.frame.groupby("rater")
    assert {len(set(answers)) for _, answers in by_rater["answer"]} >= {1}
    assert sorted(by_rater["n_revisions"].max())[-2:] == [1, 2]  # who had two tabs open sent twice
    assert by_rater["shown_ms"].median().min() < 1000  # the lazy one
    assert isinstance(analyze(seen.frame, seen.plan).dimensions[0].primary, Result)
    assert digests(tmp_path) == before


def test_the_same_seed_gives_the_same_answers_although_bots_rate_at_the_same_time(
    generated: Study, sealed_url: str
) -> None:
    simulated = SimulatedRaters(n_raters=6, effect=1, seed=3, characters=("quitting", "double-tabbing"))
    times = ["answered_at", "first_answered_at"]

    one, two = (rehearse(sealed_url, generated.name, simulated, progress=lambda _: None) for _ in range(2))

    assert_frame_equal(one.frame.drop(columns=times), two.frame.drop(columns=times))
    assert_frame_equal(one.raters, two.raters)
    names = ["bot-1 (quitting)", "bot-2 (double-tabbing)", "bot-3", "bot-4", "bot-5", "bot-6"]
    assert sorted(one.raters["rater"]) == sorted(one.frame["rater"].unique()) == names


def test_a_study_that_was_not_generated_cannot_be_rehearsed(generated: Study, sealed_url: str) -> None:
    with pytest.raises(StateError, match=r"'other' has not been generated yet.*marked_study"):
        rehearse(sealed_url, "other", SimulatedRaters(n_raters=1, effect=0, seed=0), progress=lambda _: None)


def test_rehearsing_often_counts_what_the_planned_test_finds(generated: Study, sealed_url: str) -> None:
    often = rehearse_many(
        sealed_url, generated.name, SimulatedRaters(None, 2.0, seed=3), 4, progress=lambda _: None
    )

    assert (often.n, often.n_not_estimable) == (4, 0)
    assert often.n_found >= 1  # power is 0.91 in each, whose booklets come from a fresh secret
    assert 0 < often.low < often.share <= often.high


def test_rehearsals_do_not_depend_on_the_number_of_workers(generated: Study, sealed_url: str) -> None:
    def often(runner: LocalProcesses | None) -> DetectionRate:
        simulated = SimulatedRaters(None, 1.0, seed=5)
        return rehearse_many(sealed_url, generated.name, simulated, 6, progress=lambda _: None, runner=runner)

    with LocalProcesses(2) as two:
        assert often(two) == often(None)


@pytest.mark.slow
@pytest.mark.parametrize(("effect", "n"), [(0.0, 60), (0.8, 40)])
def test_a_null_study_is_found_at_alpha_and_an_effect_at_the_promised_power(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, effect: float, n: int
) -> None:
    planned = Study.model_validate(
        {
            **study.model_dump(),
            "prompts": [f"Prompt {number} and" for number in range(12)],
            "sampling": {"samples_per_prompt": 1},
            "plan": {"raters": 12},
        }
    )
    seal_completions(planned)

    often = rehearse_many(
        sealed_url, planned.name, SimulatedRaters(None, effect, seed=4), n, progress=lambda _: None
    )

    promised = power_as_planned(planned, effect, n_simulations=500).share if effect else 0.05
    found = f"{often.n_found} of {often.n} (99% interval {often.low:.1%} to {often.high:.1%})"
    print(f"effect {effect}: {found}, promised {promised:.1%}")
    # booklets come from a fresh secret each time, so that the interval itself would miss once in 100 runs
    assert stats.binomtest(often.n_found, often.n, promised).pvalue > 1e-4


@pytest.fixture
def one_arm(study: Study, seal_completions: Callable[[Study], None]) -> Study:
    """A study in which a rater sees each prompt in one arm."""
    declared = study.model_dump(mode="json")
    declared["plan"] |= {"arms_per_prompt": "one", "raters": 10, "items_per_rater": None}
    declared["analysis"] |= {"score": "scale_points"}
    one_arm = Study.model_validate(declared)
    seal_completions(one_arm)
    return one_arm


def test_each_prompt_in_one_arm_goes_the_whole_way_to_the_mixed_model(
    one_arm: Study, sealed_url: str
) -> None:
    simulated = SimulatedRaters(n_raters=10, effect=3, seed=2)

    seen = rehearse(sealed_url, one_arm.name, simulated, progress=lambda _: None)
    found = analyze(seen.frame, seen.plan, assigned=seen.assigned).dimensions[0]

    arms = seen.frame.groupby(["rater", "prompt"])["arm"].nunique()
    assert (arms == 1).all()
    assert len(arms) == 10 * len(one_arm.prompts)
    assert seen.plan.test == "mixed_model"
    assert found.primary.test == "linear mixed model"
    assert isinstance(found.primary, Result)
    assert found.primary.n.answers == 10 * len(one_arm.prompts)
    assert found.headline.startswith("No rater answered both arms for the same prompt")


def test_each_prompt_in_one_arm_is_found_at_the_promised_power(one_arm: Study, sealed_url: str) -> None:
    often = rehearse_many(
        sealed_url, one_arm.name, SimulatedRaters(None, 3.0, seed=3), 4, progress=lambda _: None
    )

    assert (often.n, often.n_not_estimable) == (4, 0)


def test_a_composite_score_goes_the_whole_way_to_its_test(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str
) -> None:
    fluency = study.dimensions[0].model_copy(update={"name": "fluency"})
    plan = AnalysisPlan(
        composites=(Composite(name="overall", of=("happiness", "fluency"), by="minimum"),),
        primary="overall",
        score="scale_points",
        coprimary=CoprimaryTest(dimension="fluency", margin=4),
    )
    changes = {
        "dimensions": (*study.dimensions, fluency),
        "analysis": plan,
        "auto_advance": False,
        "practice": (),
        "practice_pass": None,
    }
    combined = study.model_copy(update=changes)
    seal_completions(combined)

    simulated = SimulatedRaters(n_raters=6, effect=2, seed=1)
    seen = rehearse(sealed_url, combined.name, simulated, progress=lambda _: None)
    analysis = analyze(seen.frame, seen.plan, raters=seen.raters, assigned=seen.assigned)

    overall, *parts = analysis.dimensions
    assert overall.dimension.name == "overall"
    assert [each.dimension.name for each in parts] == ["happiness", "fluency"]
    answers = seen.frame.pivot(index=["rater", "item"], columns="dimension", values="answer")
    minima = answers.min(axis=1).reset_index(name="score")
    arms = seen.frame.drop_duplicates("item").set_index("item")["arm"]
    steered = minima.loc[minima["item"].map(arms) == seen.plan.contrast[0], "score"]
    assert overall.arms[0].mean == pytest.approx(steered.mean())
    assert isinstance(overall.primary, Result)
    assert overall.primary.n.answers == analysis.n.answers / 2 == len(minima)
    assert analysis.joint is not None
    assert analysis.joint.is_within_margin  # by a margin of the whole scale


def test_bots_answer_about_themselves_and_moderators_are_tested(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str
) -> None:
    questionnaire = (
        Question(name="field", question="What do you study?", options=("Physics", "Other")),
        Question(name="tongues", question="Which languages?", kind="choices", options=("de", "en")),
        Question(name="age", question="How old are you?", kind="number", minimum=18, maximum=99),
        Question(name="job", question="Your job?", kind="text", when="after"),
    )
    plan = AnalysisPlan(moderators=("field", "age"), score="scale_points")
    asking = study.model_copy(update={"questionnaire": questionnaire, "analysis": plan})
    seal_completions(asking)

    simulated = SimulatedRaters(n_raters=6, effect=1, seed=1)
    seen = rehearse(sealed_url, asking.name, simulated, progress=lambda _: None)
    analysis = analyze(seen.frame, seen.plan, questionnaire=seen.questionnaire)

    assert [(each.name, each.n_answered) for each in analysis.characteristics] == [
        (each.name, 6) for each in questionnaire
    ]
    assert [each.name for each in analysis.moderations] == ["field", "age"]
    assert all(each.n_unknown == 0 for each in analysis.moderations)
    assert isinstance(analysis.moderations[1].interactions[0].outcome, Result)


BEST_WORST = BestWorst(texts=4, best="happiest", worst="least happy")
RANKING = Ranking(texts=3, top="happiest", bottom="least happy")


@pytest.fixture
def of_groups(
    study: Study, seal_completions: Callable[[Study], None], request: pytest.FixtureRequest
) -> Study:
    """A study of twelve prompts whose trials show all arms."""
    doses = [
        Steered(
            name=f"dose-{dose:.0f}", additions=(XVector("Quokka prompt", "Numbat prompt", coeff=dose, at=17),)
        )
        for dose in (1.0, 2.0, 3.0)[: request.param.texts - 1]
    ]
    dimension = Dimension(name="happiness", question="Which is happiest?", scale=request.param)
    changed = study.model_copy(
        update={
            "dimensions": (dimension,),
            "arms": (study.arms[0], *doses),
            "prompts": tuple(f"{prompt} {n}" for prompt in study.prompts for n in range(3)),
            "analysis": AnalysisPlan(contrast=("dose-1", "zebra-arm")),
        }
    )
    declared = Study(
        **{name: getattr(changed, name) for name in type(changed).model_fields if getattr(changed, name)}
    )
    seal_completions(declared)
    return declared


@pytest.mark.parametrize("of_groups", [BEST_WORST, RANKING], indirect=True, ids=["best-worst", "ranking"])
def test_bots_put_the_texts_of_a_group_in_order_on_pages(of_groups: Study, sealed_url: str) -> None:
    simulated = SimulatedRaters(
        n_raters=6, effect=1.1, seed=1, characters=("random", "lazy", "double-tabbing")
    )

    seen = rehearse(sealed_url, of_groups.name, simulated, progress=lambda _: None)

    n = of_groups.n_texts
    assert seen.progress.n_finished == 6
    assert set(seen.frame.groupby(["rater", "position"]).size()) == {n}
    by_trial = seen.frame.groupby(["rater", "position"])["answer"].agg(["min", "max", "sum"])
    assert by_trial.drop_duplicates().to_numpy().tolist() == [[-1, 1, 0]]
    found = analyze(seen.frame, seen.plan, assigned=seen.assigned).dimensions[0]
    assert isinstance(found.primary, Result)
    assert found.primary.estimate > 0
    assert isinstance(found.details.ranking, ArmRanking)
    assert found.details.groups is not None
    assert sum(arm.first for arm in found.details.groups.arms) == found.details.groups.n_trials


@pytest.mark.parametrize("of_groups", [BEST_WORST, RANKING], indirect=True, ids=["best-worst", "ranking"])
def test_bots_who_perceive_the_order_of_groups_are_detected_and_others_are_at_chance(
    of_groups: Study, sealed_url: str
) -> None:
    guessing = SimulatedRaters(n_raters=8, effect=0, seed=3)
    perceiving = SimulatedRaters(n_raters=8, effect=1.1, seed=3)

    by_chance, found = (
        rehearse_many(sealed_url, of_groups.name, simulated, 12, progress=lambda _: None)
        for simulated in (guessing, perceiving)
    )

    assert by_chance.n_found <= 3
    assert found.share > 0.8


@pytest.fixture
def odd_one_out(study: Study, seal_completions: Callable[[Study], None]) -> Study:
    """A study of twelve prompts in which raters look for the text of the other arm."""
    dimension = Dimension(name="odd", question="Which differs from the other two?", scale=OddOneOut())
    declared = Study.model_validate(
        {
            **study.model_dump(),
            "dimensions": (dimension,),
            "prompts": tuple(f"{prompt} {n}" for prompt in study.prompts for n in range(3)),
            "analysis": AnalysisPlan(contrast=("walrus-arm", "zebra-arm")),
            "plan": {"raters": 8},
        }
    )
    seal_completions(declared)
    return declared


def test_bots_look_for_the_odd_text_on_pages(odd_one_out: Study, sealed_url: str) -> None:
    simulated = SimulatedRaters(n_raters=6, effect=0.4, seed=1, characters=("random", "lazy", "middle"))

    seen = rehearse(sealed_url, odd_one_out.name, simulated, progress=lambda _: None)

    assert seen.progress.n_finished == 6
    assert len(seen.frame) == 6 * 24
    assert (seen.frame["answer"] == (seen.frame["chosen_place"] == seen.frame["odd_place"])).all()
    assert (seen.frame["arm"] != seen.frame["other_arm"]).all()
    n_odd = seen.frame.groupby(["rater", "prompt"])["arm"].agg(["size", "nunique"])
    assert (n_odd == 2).to_numpy().all()
    texts = seen.frame[["rater", "item", "other_item", "other_item_2"]].melt("rater")
    assert not texts.duplicated(["rater", "value"]).any()
    found = analyze(seen.frame, seen.plan, assigned=seen.assigned, raters=seen.raters).dimensions[0]
    assert found.details.odd_one_out is not None
    by_rater = {each.rater: each for each in found.details.quality}
    assert by_rater["bot-3 (middle)"].longest_run == 24
    assert by_rater["bot-3 (middle)"].points_used == 1


def test_bots_who_perceive_the_odd_text_are_detected_and_others_are_at_chance(
    odd_one_out: Study, sealed_url: str
) -> None:
    guessing = SimulatedRaters(n_raters=8, effect=0, seed=3)
    perceiving = SimulatedRaters(n_raters=8, effect=0.3, seed=3)

    by_chance, found = (
        rehearse_many(sealed_url, odd_one_out.name, simulated, 12, progress=lambda _: None)
        for simulated in (guessing, perceiving)
    )

    assert by_chance.n_found <= 3
    assert found.share > 0.8


def test_the_power_of_odd_one_out_trials_is_that_of_the_rehearsals(
    odd_one_out: Study, sealed_url: str
) -> None:
    declared = odd_one_out.model_copy(update={"plan": odd_one_out.plan.model_copy(update={"raters": 8})})

    power = power_as_planned(declared, 0.25, n_simulations=200, seed=1)
    by_chance = power_as_planned(declared, 0.0, n_simulations=400, seed=2)

    assert power.share > 0.8
    assert by_chance.share < 0.09


def test_a_rehearsal_keeps_the_reference_and_shuffles_the_rated_texts(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str
) -> None:
    declared = referring(study)
    seal_completions(declared)

    simulated = SimulatedRaters(None, 1.0, 0, ())
    seen = rehearse(sealed_url, declared.name, simulated, progress=lambda _: None)

    assert len(seen.frame) == 6 * 8
    assert seen.frame.groupby("prompt")["reference"].nunique().max() == 1
    assert set(seen.frame["arm"]) == {"zebra-arm", "walrus-arm"}
