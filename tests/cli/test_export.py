import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from rater.store.engine import disposing, reading, writing
from rater.store.rating.open import create_rating
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.schema import Identifier
from rater.store.rating.studies import get_study
from rater.study.visit import Channel
from tests.cli import command

PERSON = "frances-59f2"


def run(*arguments: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return command.run(*arguments, "--ratings", "rating.db", cwd=cwd, stdin=stdin)


@pytest.fixture
def rater_id(publish_study: Callable[..., str], rating_url: str) -> str:
    """A rater of whom a recruitment site's name is known."""
    publish_study()
    with disposing(create_rating(rating_url)) as rating, writing(rating) as session:
        study = get_study(session, "a_study")
        rater_session = claim_booklet(
            session,
            study.id,
            "t" * 43,
            arrival=Arrival(Channel.WEB),
            protocol=study.protocol,
            now=study.published_at,
        )
        session.add(
            Identifier(
                rater_id=rater_session.rater_id,
                name="PROLIFIC_PID",
                study_id=study.id,
                value=PERSON,
                is_person=True,
            )
        )
    return rater_session.rater_id


def test_forgetting_asks_and_a_no_changes_nothing(rater_id: str, tmp_path: Path, rating_url: str) -> None:
    asked = run("forget", "a_study", PERSON, cwd=tmp_path, stdin="n\n")

    assert asked.returncode == 130
    assert f"Rater {rater_id}, who came on 2026-01-02: 1 identifier, 0 answers." in asked.stderr
    assert (
        "deletes the rater's identifiers and answers to the questionnaire; their ratings are kept."
        in asked.stderr
    )
    with disposing(create_rating(rating_url)) as rating, reading(rating) as session:
        assert session.query(Identifier).count() == 1


@pytest.mark.parametrize(("option", "n_raters"), [((), 1), (("--with-ratings",), 0)])
def test_who_is_forgotten_is_in_the_log_and_nowhere_else(
    rater_id: str, tmp_path: Path, option: tuple[str, ...], n_raters: int
) -> None:
    done = run("forget", "a_study", rater_id[:6], "--yes", "--by", "ada", *option, cwd=tmp_path)
    again = run("forget", "a_study", PERSON, "--yes", cwd=tmp_path)
    verified = run("verify", "a_study", "--sealed", "none.db", cwd=tmp_path)

    assert done.returncode == 0
    assert "Earlier copies" in done.stderr
    with closing(sqlite3.connect(tmp_path / "rating.db")) as connection:
        kind, detail, head = connection.execute(
            "SELECT kind, detail, hash FROM event ORDER BY id DESC"
        ).fetchone()
        assert connection.execute("SELECT count(*) FROM rater").fetchone() == (n_raters,)
    assert kind == ("redacted" if option else "forgotten")
    assert json.loads(detail)["by"] == "ada"
    assert f"the head of the log is {head}" in done.stdout
    assert PERSON.encode() not in (tmp_path / "rating.db").read_bytes()
    assert (again.returncode, "No rater of this study is known" in again.stderr) == (2, True)
    assert "log:" in verified.stdout.replace("valid        ", "")
    assert "rewritten there" not in verified.stdout
