"""One object for notebooks and the command line, on real databases."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rater.analysis import plan_for, read
from rater.errors import RaterError, StateError
from rater.store.rating.monitoring import Watched
from rater.study.state import State
from rater.study.study import Study
from rater.workspace import StudyAnalysis, Workspace
from tests.workspace.conftest import rate


def test_importing_it_loads_no_torch_and_no_pandas() -> None:
    code = (
        "import sys, rater.workspace.workspace; print([m for m in ('torch', 'pandas') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_a_study_is_audited_published_rated_and_analysed(
    workspace: Workspace, study: Study, seal_completions: Callable[[Study], None]
) -> None:
    seal_completions(study)
    assert not workspace.audit(study.name).is_refused
    published = workspace.publish(study.name, acknowledge_confounds=True).name
    rate(workspace, published, 4)
    watched = workspace.status(published)
    assert isinstance(watched, Watched)
    assert watched.n_finished == 4
    interim = workspace.analyze(published, interim=True, who="ada", why="a first look")
    assert interim.interim_look == 1
    assert [each.state for each in workspace.studies().studies] == [State.OPEN]
    account = workspace.close(published)
    assert account.n_finished == 4
    result = workspace.analyze(published)
    assert result.interim_look == 2
    assert result.headline == result.dimensions[0].headline
    assert set(result.frame["arm"]) <= {"happy", "plain", *result.frame["arm"]}
    assert all(check.outcome != "tampered" for check in workspace.verify(published))


def test_a_result_is_a_table_and_a_figure_in_a_notebook(workspace: Workspace, published: str) -> None:
    rate(workspace, published, 4)
    result = workspace.analyze(published)
    shown = result._repr_html_()
    assert result.headline.split("“")[0][:20] in shown
    assert "<table>" in shown
    assert "<svg" in shown
    tests = result.tests
    assert list(tests["dimension"].unique()) == [found.dimension.name for found in result.dimensions]
    assert len(tests) == sum(len(found.tests) for found in result.dimensions)


def test_a_report_and_files_are_written(workspace: Workspace, published: str, tmp_path: Path) -> None:
    rate(workspace, published, 4)
    result = workspace.analyze(published)
    result.report(tmp_path / "report")
    assert (tmp_path / "report" / "report.html").is_file()
    result.write_json(tmp_path / "results.json")
    texts = result.write_csv(tmp_path / "answers.csv")
    assert texts == tmp_path / "answers.texts.csv"
    assert texts.is_file()


def test_permuted_arms_unblind_nothing(workspace: Workspace, published: str) -> None:
    rate(workspace, published, 4)
    workspace.close(published)
    result = workspace.analyze_permuted(published)
    assert result.interim_look is None
    assert [each.state for each in workspace.studies().studies] == [State.CLOSED]


def test_a_preregistration_is_the_same_text_each_time(workspace: Workspace, published: str) -> None:
    text = workspace.preregistration(published)
    assert text.startswith("# ")
    assert text == workspace.preregistration(published)


def test_an_unknown_study_is_named(workspace: Workspace, published: str) -> None:
    assert published
    with pytest.raises(StateError, match="nowhere"):
        workspace.analyze("nowhere")


def test_an_unknown_option_of_the_generator_is_refused(workspace: Workspace, study: Study) -> None:
    with pytest.raises(TypeError, match="batchsize"):
        workspace.generate(study, batchsize=3)


def test_external_ratings_get_a_report_too(tmp_path: Path) -> None:
    rows = [
        f"{rater},{prompt},{arm},{1 + (rater * 3 + prompt + 2 * (arm == 'b')) % 5}"
        for rater in range(6)
        for prompt in range(5)
        for arm in "ab"
    ]
    (tmp_path / "ratings.csv").write_text("\n".join(["rater,prompt,arm,answer", *rows]) + "\n")
    frame = read(tmp_path / "ratings.csv")
    result = StudyAnalysis.of_ratings(frame, plan_for(frame, contrast=("b", "a"), points=5), title="ours")
    result.report(tmp_path / "report")
    assert "ours" in (tmp_path / "report" / "report.html").read_text()


def test_a_report_over_a_folder_of_somebody_else_is_refused(
    workspace: Workspace, published: str, tmp_path: Path
) -> None:
    rate(workspace, published, 2)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("mine")
    result = workspace.analyze(published)
    with pytest.raises(RaterError, match=r"thesis\.tex"):
        result.report(tmp_path / "thesis")
