"""Open, watch, change and stop the collection of answers of a workspace's studies."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rater.admin.invitations import LinkFiles, Links
from rater.admin.status import GeneratedStudy
from rater.errors import RaterError, StateError
from rater.store.rating.monitoring import Watched
from rater.study.state import State
from rater.study.study import Study
from rater.workspace import Workspace
from tests.workspace.conftest import rate

ADDRESS = "https://study.example.org"


def changed(study: Study, **changes: object) -> Study:
    return Study.model_validate({**study.model_dump(), **changes})


def progress(workspace: Workspace, name: str) -> Watched:
    watched = workspace.status(name)
    assert isinstance(watched, Watched)
    return watched


def test_a_study_is_paused_opened_and_closed(workspace: Workspace, published: str) -> None:
    heads = [workspace.pause(published), workspace.open(published)]
    rate(workspace, published, 1)
    account = workspace.close(published)
    assert len({*heads, workspace.read_log_head(published)}) == 3
    assert (account.n_came, account.n_finished) == (1, 1)
    assert workspace.get_published(published).state is State.CLOSED


def test_a_study_that_is_only_generated_is_listed_and_shown_by_arm(
    workspace: Workspace, study: Study, seal_completions: Callable[[Study], None]
) -> None:
    seal_completions(study)
    assert [each.state for each in workspace.studies().studies] == ["generated"]
    generated = workspace.status(study.name)
    assert isinstance(generated, GeneratedStudy)
    assert {arm.arm for arm in generated.arms} == set(study.arm_names)


def test_links_are_numbered_or_labelled(workspace: Workspace, published: str, tmp_path: Path) -> None:
    shown: list[Links] = []
    numbered = workspace.invite(published, n=2, address=f"{ADDRESS}/", on_links=shown.append)
    files = LinkFiles(tmp_path / "links.csv", None)
    labelled = workspace.invite(published, labels=["Ada", "Bo"], address=ADDRESS, files=files)
    assert shown == [numbered]
    assert [label for label, _ in (*numbered, *labelled)] == ["1", "2", "Ada", "Bo"]
    assert all(link.startswith(f"{ADDRESS}/s/") for _, link in numbered)
    assert (tmp_path / "links.csv").read_text().splitlines()[1] == ",".join(labelled[0])


@pytest.mark.parametrize(
    ("labels", "address", "reason"),
    [
        (["Ada", "Ada"], ADDRESS, "labels has 'Ada' twice"),
        ([" "], ADDRESS, "labels has 0 labels"),
        (["Ada"], "study.example.org", "valid: a public address"),
    ],
)
def test_a_mistake_makes_no_link(
    workspace: Workspace, published: str, labels: list[str], address: str, reason: str
) -> None:
    with pytest.raises(RaterError, match=reason):
        workspace.invite(published, labels=labels, address=address)
    assert workspace.invite(published, address=ADDRESS)[0][0] == "1"


@pytest.mark.parametrize("n", [0, -3, 10_001])
def test_a_number_of_links_that_cannot_be_made_is_refused(
    workspace: Workspace, published: str, n: int
) -> None:
    with pytest.raises(RaterError, match=f"number of links is {n:,}; valid: 1 to 10,000"):
        workspace.invite(published, n=n, address=ADDRESS)


def test_links_that_cannot_be_shown_are_not_made(workspace: Workspace, published: str) -> None:
    def fail(_: Links) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        workspace.invite(published, address=ADDRESS, on_links=fail)
    assert workspace.invite(published, address=ADDRESS)[0][0] == "1"


def test_a_text_is_amended_and_an_arm_is_not(workspace: Workspace, published: str, study: Study) -> None:
    amended = changed(study, instructions="Rate how happy the text is.")
    assert workspace.preview_amendment(amended) == ("instructions",)
    done = workspace.amend(amended, reason="Shorter.", who="ada")
    assert (done.version, done.log_head) == (2, workspace.read_log_head(published))
    assert workspace.get_published(published).protocol.instructions == "Rate how happy the text is."
    with pytest.raises(StateError, match="prompts"):
        workspace.preview_amendment(changed(study, prompts=("Another prompt",)))


@pytest.mark.parametrize("with_ratings", [False, True])
def test_a_rater_is_forgotten(workspace: Workspace, published: str, *, with_ratings: bool) -> None:
    rate(workspace, published, 2)
    answers = workspace.export(published).frame
    known = workspace.find_rater(published, str(answers["rater"].iloc[0]))
    head = workspace.forget(published, known, with_ratings=with_ratings, who="ada")
    assert head == workspace.read_log_head(published)
    kept = workspace.export(published).frame["rater"].nunique()
    assert kept == (1 if with_ratings else 2)


def test_a_file_that_is_no_rater_s_is_not_recovered(
    workspace: Workspace, published: str, tmp_path: Path
) -> None:
    path = tmp_path / "answers.json"
    path.write_text("{}")
    n_answers = progress(workspace, published).n_answers
    with pytest.raises(RaterError, match=r"answers\.json is not a valid file of answers"):
        workspace.recover(path)
    assert progress(workspace, published).n_answers == n_answers
