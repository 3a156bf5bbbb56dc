"""The two large studies in experiments, generated small, rehearsed with bots on their pages, and analysed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rater.analysis.agreement import Agreement
from rater.analysis.results import Estimate, Result
from rater.generate.engines.torch_engine import TorchEngine
from rater.rehearse import SimulatedRaters
from rater.report.compose import compose
from rater.report.document import Document, Table
from rater.report.sections.inputs import Findings
from rater.study.load import load_study
from rater.study.study import Study
from rater.workspace import Workspace
from rater.workspace.study_analysis import StudyAnalysis

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge

pytestmark = pytest.mark.model
EXPERIMENTS = Path(__file__).resolve().parent.parent / "experiments"


def small(name: str, *, n_prompts: int, plan: dict[str, Any]) -> Study:
    """Declare a study with fewer prompts and raters and shorter texts, as the docs on sample size show."""
    study = load_study(EXPERIMENTS / f"{name}.py")
    return Study.model_validate(
        study.model_dump(exclude={"items"})
        | {
            "prompts": study.distinct_prompts[:n_prompts],
            "sampling": study.sampling.model_dump() | {"max_new_tokens": 8},
            "plan": plan,
        }
    )


def rehearse(study: Study, folder: Path, model: "TransformerBridge", *, effect: float) -> StudyAnalysis:
    workspace = Workspace(folder)
    workspace.generate(study, load=lambda _: TorchEngine(model))
    simulated = SimulatedRaters(None, effect, seed=1)
    return StudyAnalysis.of(workspace.read_rehearsal(study.name, simulated, progress=lambda _: None))


def reported(analysed: StudyAnalysis) -> Document:
    return compose(Findings(analysed.analysis, analysed.data.about, {}, frame=analysed.data.frame), "0")


def tables(document: Document, anchor: str) -> list[Table]:
    (section,) = [each for each in document.sections if each.anchor == anchor]
    return [block for block in section.blocks if isinstance(block, Table)]


@pytest.fixture(scope="module")
def style(tmp_path_factory: pytest.TempPathFactory, embedded_model: "TransformerBridge") -> StudyAnalysis:
    study = small("style_vectors", n_prompts=2, plan={"raters": 4, "items_per_rater": 72})
    return rehearse(study, tmp_path_factory.mktemp("style"), embedded_model, effect=30)


@pytest.fixture(scope="module")
def axbench(tmp_path_factory: pytest.TempPathFactory, embedded_model: "TransformerBridge") -> StudyAnalysis:
    study = small("axbench_people", n_prompts=2, plan={"raters": 4, "items_per_rater": 32})
    return rehearse(study, tmp_path_factory.mktemp("axbench"), embedded_model, effect=0.6)


def test_style_vectors_has_a_trend_over_doses_for_both_questions(style: StudyAnalysis) -> None:
    intensity, quality = style.analysis.dimensions

    assert (intensity.dimension.name, quality.dimension.name) == ("intensity", "quality")
    for found in (intensity, quality):
        doses = found.details.dose_response
        assert doses is not None
        assert [point.dose for point in doses.curve] == [0, 0.05, 0.1, 0.15, 0.2, 0.25]
        assert isinstance(doses.linear, Result)
    assert isinstance(intensity.primary, Result)
    assert intensity.primary.estimate > 0
    assert intensity.primary.n.prompts == 2


def test_style_vectors_reports_the_agreement_on_sliders(style: StudyAnalysis) -> None:
    agreement = style.analysis.dimensions[0].details.agreement
    shown = tables(reported(style), "agreement")

    assert isinstance(agreement, Agreement)
    assert isinstance(agreement.icc_single, Estimate)
    assert isinstance(agreement.icc_mean, Estimate)
    rows = {row[0]: row for table in shown for row in table.rows}
    assert rows["ICC(2,1)"][1] == f"{agreement.icc_single.estimate:.2f}"
    assert "ICC(2,k)" in rows


def test_axbench_people_tests_the_harmonic_mean_over_raters_prompts_and_concepts(
    axbench: StudyAnalysis,
) -> None:
    score, *parts = axbench.analysis.dimensions

    assert score.dimension.name == "score"
    assert {part.dimension.name for part in parts} == {"concept", "instruction", "fluency"}
    assert isinstance(score.primary, Result)
    assert (score.primary.n.prompts, score.primary.n.concepts) == (2, 8)
    assert "concepts" in score.primary.claim
    assert score.details.concepts is not None
    assert len(score.details.concepts.effects) == 8
    composites = tables(reported(axbench), "composites")
    assert composites[0].header[:5] == (
        "arm",
        "mean score",
        "mean concept",
        "mean instruction",
        "mean fluency",
    )


def test_axbench_people_compares_all_four_methods_with_the_unsteered_model(axbench: StudyAnalysis) -> None:
    contrasts = axbench.analysis.dimensions[0].details.contrasts

    assert {(each.arm, each.control) for each in contrasts} >= {
        ("prompted", "unsteered"),
        ("steered", "unsteered"),
        ("random", "unsteered"),
        ("steered", "random"),
    }
