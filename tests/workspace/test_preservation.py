"""Back up, verify, archive and restore the studies of a workspace."""

from pathlib import Path

import pytest

from rater.errors import SealError, StateError
from rater.study.state import State
from rater.verify import CheckOutcome
from rater.workspace import Workspace
from tests.workspace.conftest import rate


@pytest.fixture
def unblinded(workspace: Workspace, published: str) -> str:
    rate(workspace, published, 2)
    workspace.close(published)
    workspace.unblind(published)
    return published


def test_a_backup_is_a_pair_of_databases_that_verifies(
    workspace: Workspace, published: str, tmp_path: Path
) -> None:
    rate(workspace, published, 1)
    copies = {copied.which: copied.path for copied in workspace.backup(tmp_path / "copies")}
    again = Workspace(rating=copies["rating"], sealed=copies["sealed"])
    assert {check.outcome for check in again.verify(published)} == {
        check.outcome for check in workspace.verify(published)
    }
    assert again.read_log_head(published) == workspace.read_log_head(published)


def test_a_log_without_a_head_that_was_printed_is_tampered(workspace: Workspace, published: str) -> None:
    def outcome(head: str) -> set[CheckOutcome]:
        return {check.outcome for check in workspace.verify(published, head=head)}

    assert CheckOutcome.TAMPERED not in outcome(workspace.read_log_head(published))
    assert CheckOutcome.TAMPERED in outcome("0" * 64)


def test_an_archive_is_restored_into_another_workspace(
    workspace: Workspace, unblinded: str, tmp_path: Path
) -> None:
    archived = workspace.archive(unblinded, tmp_path / "study.zip")
    other = Workspace(tmp_path / "other")
    imported = other.import_archive(archived.path)
    assert (imported.name, imported.log_head) == (unblinded, archived.log_head)
    assert other.get_published(unblinded).state is State.ARCHIVED
    assert CheckOutcome.TAMPERED not in {check.outcome for check in other.verify(unblinded)}


def test_a_study_that_is_still_blind_is_not_archived(
    workspace: Workspace, published: str, tmp_path: Path
) -> None:
    with pytest.raises(StateError, match="is open"):
        workspace.archive(published, tmp_path / "study.zip")


def test_a_changed_archive_is_refused(workspace: Workspace, unblinded: str, tmp_path: Path) -> None:
    path = workspace.archive(unblinded, tmp_path / "study.zip").path
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"answer", b"anSwer"))
    with pytest.raises(SealError):
        Workspace(tmp_path / "other").import_archive(path)
