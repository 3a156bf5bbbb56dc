"""Give custody's tests a study that was published, opened and rated."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from rater.publish.publish import close_study, open_study, publish_study
from rater.store.engine import disposing, reading, writing
from rater.store.rating.open import open_rating
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.sessions import find_sitting
from rater.store.rating.steps import open_guesses, record_comment, record_guesses
from rater.store.rating.studies import get_study
from rater.store.rating.trials import Judgement, Submission, Timing, record_answers
from rater.study.study import Study
from rater.study.visit import BlindingQuestion, Recruitment
from tests.verify.tamper import file_of

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
        arrival = Arrival("web", identifiers={"PID": person})
        protocol = study.protocol
        rater_id = claim_booklet(
            session, study_id, person, arrival=arrival, protocol=protocol, now=NOW
        ).rater_id
        for position in range(1, n_answered + 1):
            sitting = find_sitting(session, study_id, person)
            assert sitting is not None
            judged = {"happiness": Judgement((position + len(person)) % 5 + 1)}
            sent = Submission(f"{person}-{position}", position, judged, Timing(900, 20, 0))
            at = NOW + timedelta(minutes=position)
            record_answers(session, study_id, sitting, sent, revising="all", now=at)
        if n_answered >= 8:
            open_guesses(session, rater_id, now=NOW)
            record_guesses(session, rater_id, {1: "first", 5: "unsure"}, now=NOW)
            record_comment(session, rater_id, f"{person} was here", now=NOW)


def state_of(rating_url: str, study: Study) -> str:
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        return get_study(session, study.name).state
