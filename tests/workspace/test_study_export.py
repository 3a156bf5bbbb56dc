"""Export the answers of a study: masked while it is blind, with arms once it is closed."""

import json
from pathlib import Path

import pandas as pd
import pytest

from rater.errors import RaterError, StateError
from rater.study.state import State
from rater.study.study import Study
from rater.workspace import Workspace
from rater.workspace.study_export import DICTIONARY, further_path, further_paths
from tests.workspace.conftest import rate


def test_a_masked_export_has_no_arms_and_is_logged(workspace: Workspace, published: str) -> None:
    rate(workspace, published, 2)
    exported = workspace.export(published, who="ada")
    assert "arm" not in exported.frame.columns
    assert exported.frame["rater"].nunique() == 2
    assert (exported.texts, exported.look) == (None, None)
    assert exported.log_head == workspace.read_log_head(published)


def test_its_files_are_the_further_paths(workspace: Workspace, published: str, tmp_path: Path) -> None:
    rate(workspace, published, 1)
    path = tmp_path / "answers.csv"
    written = workspace.export(published).write(path)
    assert [table.name for table in written] == ["answers", "raters", "guesses", "comments"]
    assert len(pd.read_csv(path)) == written[0].n
    assert {*further_paths(path, unblinded=False, with_identifiers=False), path} == set(
        tmp_path.glob("answers*")
    )
    dictionary = json.loads(further_path(path, DICTIONARY).read_text())
    assert set(dictionary) == {"ratings", "raters", "guesses", "comments"}


def test_arms_are_exported_of_a_closed_study_only(workspace: Workspace, published: str) -> None:
    rate(workspace, published, 2)
    with pytest.raises(StateError, match="only a closed study can be exported with its arms"):
        workspace.export(published, unblind=True)
    assert workspace.get_published(published).state is State.OPEN


def test_an_export_with_arms_unblinds_and_has_the_texts(
    workspace: Workspace, published: str, study: Study, tmp_path: Path
) -> None:
    rate(workspace, published, 2)
    workspace.close(published)
    exported = workspace.export(published, unblind=True, who="ada", why="a table")
    assert exported.look == 1
    assert workspace.get_published(published).state is State.UNBLINDED
    written = exported.write(tmp_path / "answers.jsonl")
    assert set(exported.frame["arm"]) == set(study.arm_names)
    assert written[-1].name == "texts"
    assert exported.texts is not None
    assert written[-1].n == exported.texts["item"].nunique()


def test_an_unknown_format_is_refused(workspace: Workspace, published: str, tmp_path: Path) -> None:
    rate(workspace, published, 1)
    with pytest.raises(RaterError, match=r"answers\.xlsx has no valid file extension"):
        workspace.export(published).write(tmp_path / "answers.xlsx")
