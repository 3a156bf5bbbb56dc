import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rater.cli.invite import invite
from rater.errors import RaterError


@pytest.fixture
def run(publish_study: Callable[..., str], rating_url: str) -> Callable[..., Result]:
    """A function that makes links to a published study."""
    publish_study()
    publish_study(slug="over", name="over", state="closed")

    def invoke(*arguments: str | Path, study: str = "a_study") -> Result:
        return CliRunner().invoke(invite, [study, *map(str, arguments), "--ratings", rating_url])

    return invoke


def test_links_are_numbered_on_and_each_is_its_own(run: Callable[..., Result]) -> None:
    lines = [run("--n", "2").stdout.splitlines(), run().stdout.splitlines()]
    links = [line.split("\t") for line in (*lines[0], *lines[1])]

    assert [label for label, _ in links] == ["1", "2", "3"]
    assert len({link for _, link in links}) == 3
    assert all(link.startswith("http://127.0.0.1:8000/s/quiet-river/i/") for _, link in links)


def test_labels_csv_and_codes(run: Callable[..., Result], tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("\ufeffAda L.\n\nBo\n", encoding="utf-8")

    made = run(
        *("--labels", names, "--csv", tmp_path / "links.csv", "--qr", tmp_path / "codes"),
        *("--address", "https://study.example.org/rater/"),
    )

    with (tmp_path / "links.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert made.exit_code == 0
    assert [row[0] for row in rows] == ["label", "Ada L.", "Bo"]
    assert rows[1][1].startswith("https://study.example.org/rater/s/quiet-river/i/")
    assert sorted(path.name for path in (tmp_path / "codes").iterdir()) == ["001-Ada-L.png", "002-Bo.png"]
    assert (tmp_path / "codes" / "002-Bo.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("names", "arguments", "said"),
    [
        ("Ada\nAda\n", (), "has 'Ada' twice"),
        ("\n", (), "has 0 labels"),
        ("Ada\n", ("--n", "2"), "give one of them"),
        ("Ada\n", ("--address", "study.example.org"), "valid: a public address"),
    ],
)
def test_a_mistake_makes_no_link(
    run: Callable[..., Result], tmp_path: Path, names: str, arguments: tuple[str, ...], said: str
) -> None:
    path = tmp_path / "names.txt"
    path.write_text(names)

    refused = run("--labels", path, *arguments).exception

    assert isinstance(refused, RaterError)
    assert said in str(refused)
    assert run().stdout.startswith("1\t")


def test_links_that_are_not_made_are_in_no_file_either(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "codes").mkdir()
    (tmp_path / "codes" / "001-1.png").write_bytes(b"an earlier one")

    refused = run("--csv", tmp_path / "links.csv", "--qr", tmp_path / "codes").exception

    assert "001-1.png cannot be written: File exists. No link was made." in str(refused)
    assert not (tmp_path / "links.csv").exists()
    assert (tmp_path / "codes" / "001-1.png").read_bytes() == b"an earlier one"


def test_links_that_only_this_machine_can_open_are_said_to_be_so(run: Callable[..., Result]) -> None:
    here, there = run(), run("--address", "https://study.example.org")

    assert "These links work on this machine only." in here.stderr
    assert "--address https://study.example.org (or set RATER_ADDRESS)" in here.stderr
    assert "on this machine only" not in there.stderr


def test_a_label_that_is_taken_is_refused(run: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("Ada\n")
    run("--labels", path)

    assert "is the label of an earlier link" in str(run("--labels", path).exception)


def test_a_closed_study_gets_no_links(run: Callable[..., Result]) -> None:
    assert "is closed and takes no new raters" in str(run(study="over").exception)


def test_labels_that_look_the_same_are_one(run: Callable[..., Result], tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("José\nJose\u0301\n", encoding="utf-8")
    assert "has 'José' twice" in str(run("--labels", names).exception)

    names.write_text("José\nAda\nada\n", encoding="utf-8")
    assert "'Ada' and 'ada' differ only in letter case" in run("--labels", names).stderr

    names.write_text("Jose\u0301\u00a0\n", encoding="utf-8")
    assert "has 'José', which is the label of an earlier link" in str(run("--labels", names).exception)
