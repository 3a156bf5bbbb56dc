"""The study of choices among concepts, smaller, is generated, rehearsed and analysed."""

import re
from pathlib import Path

import pytest

from rater.analysis.choices import LabelChoices
from rater.analysis.results import Estimate, Result
from rater.report.console.analysis import Screen
from rater.study.design import Plan
from rater.study.load import load_study
from rater.study.study import Study
from rater.study.study_checks import remarks
from rater.workspace import Workspace
from rater.workspace.study_analysis import StudyAnalysis
from tests.report.console.printed import shown

FILE = Path(__file__).resolve().parent.parent / "experiments" / "which_concept.py"


def small(study: Study) -> Study:
    """The study with three prompts, two tokens a text, and eight raters who see every text.

    It is about these concepts only: a test over four concepts has at most three degrees of freedom.
    """
    n_concepts = len(study.concepts)
    items = study.items[: 3 * n_concepts]
    changed = {
        **study.model_dump(),
        "items": items,
        "prompts": [item.prompt for item in items],
        "sampling": study.sampling.model_copy(update={"max_new_tokens": 2}),
        "plan": Plan(raters=8),
        "analysis": study.analysis.model_copy(update={"scope": "raters+prompts"}),
    }
    return Study.model_validate(changed)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    workspace = Workspace(tmp_path_factory.mktemp("which_concept"))
    study = small(load_study(FILE))
    workspace.generate(study)
    return workspace, study.name


def choices_of(analysis: StudyAnalysis) -> LabelChoices:
    choices = analysis.dimensions[0].details.choices
    assert isinstance(choices, LabelChoices)
    return choices


def test_the_study_has_no_likely_mistakes_and_the_concepts_as_options() -> None:
    study = load_study(FILE)

    assert list(remarks(study, FILE)) == []
    assert study.dimensions[0].scale.describe_values() == "options 1 love, 2 weddings, 3 anger, 4 travel"
    assert study.contrast == ("strong", "random")
    assert len(small(study).items) == 12


@pytest.mark.model
def test_bots_that_perceive_the_concept_are_detected(generated: tuple[Workspace, str]) -> None:
    workspace, name = generated

    analysis = workspace.rehearse(name, effect=0.6, seed=1)

    primary = analysis.dimensions[0].primary
    assert isinstance(primary, Result)
    assert primary.estimate > 0.35
    assert primary.p < 0.05
    strong = next(each for each in choices_of(analysis).arms if each.arm == "strong")
    assert isinstance(strong.proportion, Estimate)
    assert strong.proportion.interval is not None
    assert strong.proportion.interval.low > 0.25
    assert "“strong” was recognised more often than “random”" in analysis.headline


@pytest.mark.model
def test_the_terminal_names_each_test_next_to_the_long_name_of_the_score(
    generated: tuple[Workspace, str],
) -> None:
    workspace, name = generated

    analysis = workspace.rehearse(name, effect=0.6, seed=1).analysis

    text = shown(analysis, Screen("What are these texts about?", 8, 8))
    assert re.search(r"^ +score +estimate +95% CI +test +statistic +p$", text, re.MULTILINE)
    assert len(re.findall(r"crossed", text.split("first row is the primary test")[1])) >= 2


@pytest.mark.model
def test_bots_that_guess_are_at_chance(generated: tuple[Workspace, str]) -> None:
    workspace, name = generated

    analysis = workspace.rehearse(name, effect=0.0, seed=1, characters=("random",) * 8)

    primary = analysis.dimensions[0].primary
    assert isinstance(primary, Result)
    assert primary.p > 0.05
    for each in choices_of(analysis).arms:
        assert abs(each.n_correct / each.n - 0.25) < 0.12
        if isinstance(each.proportion, Estimate):
            assert each.proportion.interval is not None
            assert each.proportion.interval.low < 0.25 < each.proportion.interval.high
