"""`rater participants` and `rater free`, as an experimenter types them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rater.store.engine import disposing, writing
from rater.store.rating.open import create_rating
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.schema import Rater
from rater.store.rating.studies import get_study
from rater.study.bonus import Bonus
from rater.study.protocol import Protocol
from rater.study.visit import PROLIFIC, Channel
from tests.cli import command

PERSON = "5f3a9c2b1d4e6f7089abcd{:02d}"


def run(*arguments: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return command.run(*arguments, "--ratings", "rating.db", cwd=cwd, stdin=stdin)


@pytest.fixture
def paid(publish_study: Callable[..., str], protocol: Protocol, rating_url: str) -> None:
    """A study with a bonus; the first of two raters has finished, the other never answered."""
    bonus = Bonus.model_validate({"flat": 0.75})
    publish_study(shown=protocol.model_copy(update={"recruitment": PROLIFIC, "bonus": bonus}))
    with disposing(create_rating(rating_url)) as rating, writing(rating) as session:
        study = get_study(session, "a_study")
        for number in (1, 2):
            arrival = Arrival(Channel.WEB, {"PROLIFIC_PID": PERSON.format(number)})
            claimed = claim_booklet(
                session,
                study.id,
                f"{number}" * 43,
                arrival=arrival,
                protocol=study.protocol,
                now=study.published_at,
            )
            if number == 1:
                session.get_one(Rater, claimed.rater_id).finished_at = study.published_at


@pytest.mark.usefixtures("paid")
def test_the_lists_are_printed_to_be_pasted(tmp_path: Path) -> None:
    shown = run("participants", "a_study", cwd=tmp_path)
    printed = {
        name: run("participants", "a_study", "--list", name, cwd=tmp_path).stdout
        for name in ("approve", "wait", "bonus", "reject")
    }

    assert shown.returncode == 0, shown.stderr
    assert "approve 1, reject 0, return 0, wait 1, bonus 1" in shown.stdout
    assert printed == {
        "approve": f"{PERSON.format(1)}\n",
        "wait": f"{PERSON.format(2)},No answer for 40 minutes; may come back\n",
        "bonus": f"{PERSON.format(1)},0.75\n",
        "reject": "",
    }


@pytest.mark.usefixtures("paid")
def test_the_table_is_private_and_its_writing_is_logged(tmp_path: Path) -> None:
    done = run("participants", "a_study", "--csv", "people.csv", "--who", "ada", cwd=tmp_path)
    both = run("participants", "a_study", "--csv", "more.csv", "--list", "wait", cwd=tmp_path)

    assert "2 participants are in people.csv" in done.stdout
    assert (tmp_path / "people.csv").stat().st_mode & 0o777 == 0o600
    header, *rows = (tmp_path / "people.csv").read_text().splitlines()
    assert header.startswith(
        "participant_id,rater,STUDY_ID,SESSION_ID,label,status,list,reason,further_booklets"
    )
    assert sorted(row.split(",")[0] for row in rows) == [PERSON.format(1), PERSON.format(2)]
    assert (both.returncode, "exclude each other" in both.stderr) == (2, True)


@pytest.mark.usefixtures("paid")
def test_digests_of_the_participants_are_written_and_imported_into_another_database(tmp_path: Path) -> None:
    written = run("participants", "a_study", "--digests", "a_study.json", cwd=tmp_path)
    here = run("import-participants", "a_study.json", cwd=tmp_path)
    there = command.run("import-participants", "a_study.json", "--ratings", "other.db", cwd=tmp_path)

    assert "2 participants are in a_study.json, as digests." in written.stdout
    assert PERSON.format(1) not in (tmp_path / "a_study.json").read_text()
    assert (here.returncode, "published in this database" in here.stderr) == (2, True)
    assert there.stdout.startswith("2 participants of a_study are known now, as digests.\n")


@pytest.mark.usefixtures("paid")
def test_a_place_is_freed_by_the_sites_identifier_after_confirmation(tmp_path: Path) -> None:
    refused = run("free", "a_study", PERSON.format(2), cwd=tmp_path, stdin="n\n")
    freed = run("free", "a_study", PERSON.format(2), "--yes", "--reason", "returned", cwd=tmp_path)
    again = run("free", "a_study", PERSON.format(2), "--yes", cwd=tmp_path)
    finished = run("free", "a_study", PERSON.format(1), "--yes", cwd=tmp_path)
    returned = run("participants", "a_study", "--list", "return", cwd=tmp_path)

    assert (refused.returncode, freed.returncode) == (130, 0)
    assert "the head of the log is" in freed.stdout
    assert (again.returncode, "holds no place" in again.stderr) == (2, True)
    assert (finished.returncode, "has finished" in finished.stderr) == (2, True)
    assert returned.stdout == f"{PERSON.format(2)},Returned on the recruitment site\n"
