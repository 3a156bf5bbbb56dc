import csv
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from urllib.parse import quote

import pytest
from click.testing import CliRunner, Result

from rater.cli.invite import invite
from rater.errors import RaterError
from tests.admin.smtp_server import serving
from tests.cli import command


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


@pytest.fixture
def people(tmp_path: Path, publish_study: Callable[..., str]) -> Path:
    """A folder with an open study and a file of two addresses."""
    publish_study()
    (tmp_path / "people.txt").write_text("ada@example.org\nBo <bo@example.org>\n")
    return tmp_path


def run_mail(*arguments: str, cwd: Path, **environ: str) -> CompletedProcess[str]:
    fixed = ("--address", "https://r.example.org", "--ratings", "rating.db")
    settings = {"RATER_SMTP_FROM": "Us <us@example.org>", "RATER_SMTP_SECURITY": "none", **environ}
    return command.run("invite", "a_study", *arguments, *fixed, cwd=cwd, environ=settings)


def test_mailto_links_open_a_message_with_a_link_for_each_address(people: Path) -> None:
    made = run_mail("--emails", "people.txt", "--csv", "links.csv", "--mailto", cwd=people)

    assert made.returncode == 0, made.stderr
    first, second = made.stdout.splitlines()
    assert first.startswith("mailto:ada@example.org?subject=Invitation%3A%20How%20happy")
    assert second.startswith("mailto:bo@example.org?")
    with (people / "links.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["email"] for row in rows] == ["ada@example.org", "bo@example.org"]
    assert [quote(row["link"], safe="") in line for row, line in zip(rows, (first, second), strict=True)] == [
        True,
        True,
    ]


def test_links_are_sent_once_and_the_same_command_continues(people: Path) -> None:
    options = ("--emails", "people.txt", "--csv", "links.csv", "--send", "--yes")
    with serving() as mailbox:
        server = {"RATER_SMTP_HOST": "localhost", "RATER_SMTP_PORT": str(mailbox.port)}
        mailbox.fails_after = 1
        failed = run_mail(*options, cwd=people, **server)
        mailbox.fails_after = None
        rest = run_mail(*options, cwd=people, **server)
        again = run_mail(*options, cwd=people, **server)

    assert failed.returncode == 2
    assert "failed after 1 of 2 messages" in failed.stderr
    assert rest.stdout == "1 of 1 messages were sent; links.csv records when.\n"
    assert again.stdout == "All 2 links of links.csv have been sent.\n"
    assert [message["To"] for message in mailbox.messages] == ["ada@example.org", "bo@example.org"]
    assert "It takes about 1 minute." in mailbox.messages[0].get_content()


def test_nothing_is_sent_without_confirmation(people: Path) -> None:
    with serving() as mailbox:
        server = {"RATER_SMTP_HOST": "localhost", "RATER_SMTP_PORT": str(mailbox.port)}
        asked = run_mail("--emails", "people.txt", "--csv", "links.csv", "--send", cwd=people, **server)

    assert asked.returncode == 130
    assert "2 messages." in asked.stderr
    assert mailbox.messages == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--emails", "people.txt"), "--emails needs --csv FILE"),
        (("--emails", "people.txt", "--csv", "l.csv", "--n", "3"), "leave out --n and --labels"),
        (("--mailto",), "--mailto needs the addresses"),
        (("--send",), "--send needs --csv FILE"),
        (("--send", "--csv", "l.csv"), "l.csv does not exist"),
        (("--send", "--mailto", "--emails", "people.txt", "--csv", "l.csv"), "exclude each other"),
        (("--send", "--emails", "people.txt", "--csv", "l.csv"), "RATER_SMTP_HOST is not set"),
        (("--emails", "none.txt", "--csv", "l.csv"), "none.txt cannot be read"),
        (("--message", "people.txt"), "does not contain {link}"),
    ],
)
def test_mail_options_that_do_not_fit_are_refused_before_links_are_made(
    people: Path, arguments: tuple[str, ...], named: str
) -> None:
    refused = run_mail(*arguments, cwd=people)

    assert refused.returncode == 2
    assert named in refused.stderr
    assert not (people / "l.csv").exists()
    assert run_mail(cwd=people).stdout.startswith("1\t")
