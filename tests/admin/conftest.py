"""Give custody's tests a study that was published, opened and rated."""

import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from rater.admin.archive import Archived, archive_study
from rater.admin.import_archive import import_study
from rater.cli import cli
from rater.publish.publish import close_study, open_study, publish_study
from rater.store.engine import disposing, reading, writing
from rater.store.rating.open import open_rating
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.sessions import find_rater_session
from rater.store.rating.steps import open_guesses, record_comment, record_guesses, record_questionnaire
from rater.store.rating.studies import get_study
from rater.store.rating.trials import Judgement, Submission, Timing, record_answers
from rater.study.study import Study
from rater.study.visit import BlindingQuestion, Channel, GuessChoice, Recruitment
from rater.unblind import Reason, unblind
from tests.store.conftest import postgresql, publish
from tests.verify.tamper import file_of

__all__ = ["postgresql", "publish"]

Rewrite = Callable[[dict[str, bytes]], None]


Run = Callable[..., str]


NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)


@pytest.fixture
def asking(study: Study) -> Study:
    """The study with a recruitment site, a blinding question and a comment at the end."""
    asked = {
        "recruitment": Recruitment(participant_id="PID"),
        "blinding": BlindingQuestion(n_texts=2),
        "final_comment": "Anything else?",
    }
    return study.model_copy(update=asked)


_MADE: dict[str, tuple[bytes, bytes]] = {}
"""The two files of each state below, made by the first test that asks for them."""


@pytest.fixture
def once(sealed_url: str, rating_url: str) -> Callable[[str, Callable[[], object]], None]:
    """A function that makes a state of the databases, or copies one that was made before."""

    def once(state: str, make: Callable[[], object]) -> None:
        files = file_of(sealed_url), file_of(rating_url)
        if state in _MADE:
            for file, content in zip(files, _MADE[state], strict=True):
                file.write_bytes(content)
            return
        make()
        _MADE[state] = files[0].read_bytes(), files[1].read_bytes()

    return once


@pytest.fixture
def published(
    asking: Study,
    seal_completions: Callable[[Study], None],
    sealed_url: str,
    rating_url: str,
    once: Callable[..., None],
) -> Study:
    def make() -> None:
        seal_completions(asking)
        publish_study(sealed_url, rating_url, asking.name, now=NOW)

    once("published", make)
    return asking


@pytest.fixture
def opened(published: Study, rating_url: str) -> Study:
    open_study(rating_url, published.name, now=NOW)
    return published


@pytest.fixture
def rated(opened: Study, rating_url: str, once: Callable[..., None]) -> Study:
    """Two raters finished, and said what they thought; a third left after three texts."""

    def make() -> None:
        for person, n_answered in (("ann", 8), ("bob", 8), ("cy", 3)):
            rate(rating_url, opened, person, n_answered)

    once("rated", make)
    return opened


@pytest.fixture
def closed(rated: Study, rating_url: str) -> Study:
    close_study(rating_url, rated.name, now=NOW + timedelta(hours=2))
    return rated


def rate(rating_url: str, study: Study, person: str, n_answered: int) -> None:
    """Rate as a person, from consent on; who rates everything answers the last questions too."""
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        study_id = get_study(session, study.name).id
        arrival = Arrival(Channel.WEB, identifiers={"PID": person})
        protocol = study.protocol
        rater_id = claim_booklet(
            session, study_id, person, arrival=arrival, protocol=protocol, now=NOW
        ).rater_id
        record_questionnaire(session, rater_id, {"field": person, "age": None}, when="before", now=NOW)
        for position in range(1, n_answered + 1):
            rater_session = find_rater_session(session, study_id, person)
            assert rater_session is not None
            judged = {"happiness": Judgement((position + len(person)) % 5 + 1)}
            sent = Submission(f"{person}-{position}", position, judged, Timing(900, 20, 0))
            at = NOW + timedelta(minutes=position)
            record_answers(session, study_id, rater_session, sent, revising="all", now=at)
        if n_answered >= 8:
            open_guesses(session, rater_id, now=NOW)
            record_guesses(session, rater_id, {1: GuessChoice.FIRST, 5: GuessChoice.UNSURE}, now=NOW)
            record_comment(session, rater_id, f"{person} was here", now=NOW)


def state_of(rating_url: str, study: Study) -> str:
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        return get_study(session, study.name).state


@pytest.fixture
def run(sealed_url: str, rating_url: str) -> Run:
    """A function that runs a command with both databases; returns what it printed."""

    def run(*arguments: str | Path, ratings: str = rating_url, sealed: str = sealed_url) -> str:
        command = [*map(str, arguments), "--ratings", ratings]
        if arguments[0] not in {"open", "pause", "close", "rate"}:
            command += ["--sealed", sealed]
        result = CliRunner().invoke(cli, command)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def study_file(folder: Path, study: Study, **changes: object) -> Path:
    """Write a study file that declares a study, with changes."""
    path = folder / "study.py"
    declared = {**study.model_dump(mode="json"), **changes}
    path.write_text(f"from rater import Study\n\nstudy = Study.model_validate({declared!r})\n")
    return path


@pytest.fixture
def unblinded(closed: Study, sealed_url: str, rating_url: str) -> Study:
    unblind(sealed_url, rating_url, closed.name, reason=Reason("me", "planned"), now=NOW)
    return closed


@pytest.fixture
def archived(unblinded: Study, sealed_url: str, rating_url: str, tmp_path: Path) -> Archived:
    report = tmp_path / "report"
    report.mkdir()
    (report / "report.html").write_text("<p>Found.</p>")
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        of = {"study": unblinded.name, "study_hash": get_study(session, unblinded.name).study_hash}
    (report / "results.json").write_text(json.dumps({"about": {**of, "look": 1}}))
    path = tmp_path / "study.zip"
    return archive_study(sealed_url, rating_url, unblinded.name, path, now=NOW, report=report)


@pytest.fixture
def fresh(tmp_path: Path) -> tuple[str, str]:
    """The URLs of the rating and sealed database of another machine."""
    return f"sqlite:///{tmp_path}/there/rating.db", f"sqlite:///{tmp_path}/there/sealed.db"


def read_back(archived: Archived, fresh: tuple[str, str]) -> None:
    import_study(archived.path, rating_url=fresh[0], sealed_url=fresh[1])


def rewritten(archived: Archived, rewrite: Rewrite, *, honest: bool = False) -> Archived:
    """Change an archive's files; with its manifest's digests too where ``honest``."""
    import hashlib  # noqa: PLC0415

    with zipfile.ZipFile(archived.path) as zipped:
        files = {name: zipped.read(name) for name in zipped.namelist()}
    rewrite(files)
    if honest:
        manifest = json.loads(files["manifest.json"])
        manifest["sha256"] = {
            name: hashlib.sha256(files[name]).hexdigest() for name in files if name != "manifest.json"
        }
        files["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(archived.path, "w") as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return archived


def add(files: dict[str, bytes]) -> None:
    files["../../evil.txt"] = b"out of here"
