"""The remarks of `rater serve` on results fit the states of the studies that it serves."""

from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import text

from rater.cli.serve import _line, _results
from rater.store.engine import disposing, writing
from rater.store.rating.open import create_rating
from rater.store.rating.studies import Progress, PublishedStudy
from rater.study.protocol import Protocol
from rater.study.state import State
from rater.study.study import Study
from tests.cli.command import run


@pytest.mark.parametrize(
    ("states", "says"),
    [
        (("open",), "rater status a0"),
        (("open", "closed"), "rater status a0"),
        (("open", "open"), "rater status STUDY"),
        (("closed",), "rater analyze a0"),
        (("closed", "unblinded"), "rater analyze STUDY"),
        (("published",), None),
        (("paused", "closed"), None),
        ((), None),
    ],
)
def test_progress_is_advised_while_a_study_is_open_and_never_an_interim_look(
    protocol: Protocol, monkeypatch: pytest.MonkeyPatch, states: tuple[str, ...], says: str | None
) -> None:
    monkeypatch.setattr(import_module("rater.cli.serve"), "command_name", lambda: "rater")
    study = PublishedStudy(0, "", "slug", State.OPEN, protocol, "hash", "commitment", datetime.now(UTC))

    said = _results([replace(study, name=f"a{n}", state=State(state)) for n, state in enumerate(states)])

    assert (said or "").endswith(says or "")
    assert (said is None) == (says is None)
    assert "--interim" not in (said or "")


def test_where_personal_links_alone_let_raters_in_it_says_how_to_make_them(protocol: Protocol) -> None:
    shown = protocol.model_copy(update={"invited_only": True})
    study = PublishedStudy(0, "mine", "slug", State.OPEN, shown, "hash", "commitment", datetime.now(UTC))

    said = _line(study, Progress(n_booklets=3, n_raters=0, n_finished=0, n_answers=0))

    assert said.endswith(
        "(open to personal links only; make them with: rater invite mine; 0 of 3 raters finished)"
    )


def test_an_invalid_storage_of_rate_limits_is_refused_without_its_password(
    rating_url: str, tmp_path: Path
) -> None:
    storage = "mysql://user:secret@host"

    refused = run("serve", "--desk", "--limits-storage", storage, "--ratings", rating_url, cwd=tmp_path)

    assert refused.returncode == 2
    assert "'mysql://…@host' is not a storage for rate limits" in refused.stderr
    assert "secret" not in refused.stderr


def test_a_database_of_another_revision_is_not_served(rating_url: str, tmp_path: Path) -> None:
    with disposing(create_rating(rating_url)) as rating, writing(rating) as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    refused = run("serve", "--desk", "--port", "0", "--ratings", rating_url, cwd=tmp_path)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "is at revision 9999, but this version of rater supports revisions up to" in refused.stderr


RATING = ("--ratings", "rating.db")


def test_a_closed_study_cannot_be_rated(opened: Study, tmp_path: Path) -> None:
    run("close", opened.name, *RATING, cwd=tmp_path)

    shown = run("rate", opened.name, *RATING, cwd=tmp_path, stdin="y\n")

    assert shown.returncode == 2
    assert "Study 'marked_study' is closed" in shown.stderr
