import csv
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rater.cli.invite import invite


@pytest.fixture
def run(publish_study: Callable[..., str], rating_url: str) -> Callable[..., Result]:
    """A function that makes links to a published study."""
    publish_study()
    publish_study(slug="over", name="over", state="closed")

    def invoke(*arguments: str | Path, study: str = "a_study") -> Result:
        return CliRunner().invoke(invite, [study, *map(str, arguments), "--ratings", rating_url])

    return invoke


def test_a_file_of_earlier_links_is_never_overwritten(run: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    first = run("--csv", path)
    earlier = path.read_text()

    again, absent = run("--csv", path), run("--csv", tmp_path / "absent" / "links.csv")

    assert first.exit_code == 0
    assert f"--csv is {path}, which exists already and is never overwritten" in str(again.exception)
    assert "does not exist" in str(absent.exception)
    assert path.read_text() == earlier
    assert run().stdout.startswith("2\t")  # the refused ones made no link


def test_only_who_made_links_can_read_their_files(run: Callable[..., Result], tmp_path: Path) -> None:
    run("--csv", tmp_path / "links.csv", "--qr", tmp_path / "codes")

    files = [tmp_path / "links.csv", tmp_path / "codes" / "001-1.png"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_links_that_a_killed_run_had_made_are_finished_and_dead_ones_are_removed(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("Ada\nBo\n")
    options = ("--labels", names, "--csv", tmp_path / "links.csv", "--qr", tmp_path / "codes")
    (tmp_path / ".links.csv.unfinished").write_text('[["Ada", "https://example.org/s/x/i/dead"]]')

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rater.admin.invitations.LinkFiles.finish", killed)
        run(*options)
    again = run(*options)

    with (tmp_path / "links.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert again.exit_code == 0
    assert "An earlier run was interrupted" in again.stderr
    assert [row[0] for row in rows] == ["label", "Ada", "Bo"]
    assert rows[1][1] in again.stdout
    assert sorted(path.name for path in (tmp_path / "codes").iterdir()) == ["001-Ada.png", "002-Bo.png"]
    assert not list(tmp_path.rglob(".*"))
