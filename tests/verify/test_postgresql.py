"""Verify a study whose two databases are in PostgreSQL, and tamper with it there."""

from pathlib import Path

import pytest
from sqlalchemy import URL, make_url, text

from rater.admin.archive import archive_study
from rater.admin.import_archive import import_study
from rater.admin.postgres_grants import grant_web_role
from rater.store.engine import disposing, open_engine
from rater.study.study import Study
from rater.unblind import Reason, unblind
from rater.verify import Check, names_of_tampered, verify_study
from tests.admin.conftest import NOW
from tests.verify.tamper import tamper

SECRET = "pw"  # noqa: S105 (of a server that is thrown away)
_IMPORTED: list[str] = []
"""The URLs of the two databases, once a test has made them."""


@pytest.fixture
def imported(
    closed: Study, rating_url: str, sealed_url: str, postgresql: URL, tmp_path: Path
) -> tuple[str, str]:
    """The closed study, unblinded, archived, and read back into PostgreSQL."""
    if not _IMPORTED:
        unblind(sealed_url, rating_url, closed.name, reason=Reason("me", "planned"), now=NOW)
        archive = tmp_path / "study.zip"
        archive_study(sealed_url, rating_url, closed.name, archive, now=NOW)
        server = postgresql.render_as_string(hide_password=False)
        urls = []
        with disposing(open_engine(server)) as engine:
            autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
            with autocommit.connect() as connection:
                for name in ("verify_rating", "verify_sealed"):
                    connection.execute(text(f"CREATE DATABASE {name}"))
                    urls.append(postgresql.set(database=name).render_as_string(hide_password=False))
        import_study(archive, rating_url=urls[0], sealed_url=urls[1])
        _IMPORTED.extend(urls)
    return _IMPORTED[0], _IMPORTED[1]


def verify(urls: tuple[str, str], study: Study) -> list[Check]:
    return list(verify_study(urls[0], study.name, sealed_url=urls[1]))


def test_a_study_in_postgresql_is_valid_and_is_left_as_it_was(
    imported: tuple[str, str], closed: Study
) -> None:
    outcomes = {check.name: check.outcome for check in verify(imported, closed)}

    assert outcomes.pop("log against its head") == "not checked"
    assert set(outcomes.values()) == {"valid"}
    assert {"rating schema", "sealed schema"} <= set(outcomes)
    with disposing(open_engine(imported[0])) as engine, engine.connect() as connection:
        left = connection.scalar(text("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'rater%'"))
    assert left == 0


LISTED = "channel IN ('web', 'terminal'"
AS_RESTORED = (
    "channel::text = ANY (ARRAY['web'::character varying::text, 'terminal'::character varying::text])"
)


def channels(condition: str) -> list[str]:
    """Statements that replace the constraint on the channels of raters."""
    name = "rater_channel_is_known"
    return [f"ALTER TABLE rater DROP CONSTRAINT {name}, ADD CONSTRAINT {name} CHECK ({condition})"]


@pytest.mark.parametrize(
    ("which", "statements", "undo", "named"),
    [
        (0, ["UPDATE answer SET value = 6 - value"], ["UPDATE answer SET value = 6 - value"], {"answers"}),
        (
            0,
            ["ALTER TABLE answer DISABLE TRIGGER answer_refuses_update"],
            ["ALTER TABLE answer ENABLE TRIGGER answer_refuses_update"],
            {"rating schema"},
        ),
        (
            0,
            ["ALTER FUNCTION refuse_change() RENAME TO refuse_nothing"],
            ["ALTER FUNCTION refuse_nothing() RENAME TO refuse_change"],
            {"rating schema"},
        ),
        (
            0,
            ["DROP INDEX trial_text_by_item_id"],
            ["CREATE INDEX trial_text_by_item_id ON trial_text (item_id)"],
            {"rating schema"},
        ),
        (
            0,
            ["CREATE RULE swallow AS ON INSERT TO answer DO INSTEAD NOTHING"],
            ["DROP RULE swallow ON answer"],
            {"rating schema"},
        ),
        (
            0,
            ["ALTER TABLE answer ALTER COLUMN value SET DEFAULT 3"],
            ["ALTER TABLE answer ALTER COLUMN value DROP DEFAULT"],
            {"rating schema"},
        ),
        (
            0,
            ["ALTER TABLE answer DROP CONSTRAINT answer_is_stored_once"],
            [
                (
                    "ALTER TABLE answer ADD CONSTRAINT answer_is_stored_once "
                    "UNIQUE (rater_id, submission_id, dimension)"
                )
            ],
            {"rating schema"},
        ),
        (
            1,
            ["UPDATE completion SET repetition = repetition + 1"],
            ["UPDATE completion SET repetition = repetition - 1"],
            {"completions"},
        ),
        pytest.param(
            0, channels(f"{LISTED}, 'bot')"), channels(f"{LISTED})"), {"rating schema"}, id="a value"
        ),
        pytest.param(0, channels(AS_RESTORED), channels(f"{LISTED})"), set(), id="as a dump prints it"),
        (1, ["CREATE TABLE unrelated (n INTEGER)"], ["DROP TABLE unrelated"], {"sealed schema"}),
    ],
)
def test_tampering_in_postgresql_is_named(
    imported: tuple[str, str],
    closed: Study,
    which: int,
    statements: list[str],
    undo: list[str],
    named: set[str],
) -> None:
    tamper(imported[which], *statements)

    found = set(names_of_tampered(verify(imported, closed)))

    tamper(imported[which], *undo)
    assert found == named


def test_a_role_that_may_make_no_schema_verifies_the_rest(imported: tuple[str, str], closed: Study) -> None:
    grant_web_role(*imported, "verifying_web", password=SECRET)
    role: URL = make_url(imported[0]).set(username="verifying_web", password=SECRET)
    url = role.render_as_string(hide_password=False)

    outcomes = {check.name: check for check in verify_study(url, closed.name, sealed_url=None)}

    assert outcomes["rating schema"].outcome == "not checked"
    assert "permission denied" in outcomes["rating schema"].description
    assert outcomes["answers"].outcome == "valid"
