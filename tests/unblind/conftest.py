"""Give the tests of unblinding studies that were published and rated."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from rater.publish.publish import open_study, publish_study
from rater.store.engine import disposing, open_engine, reading, writing
from rater.store.log import read_events
from rater.store.rating import raters, sessions, steps
from rater.store.rating.open import open_rating
from rater.store.rating.schema import EventRow
from rater.store.rating.studies import get_study
from rater.store.rating.trials import Judgement, Submission, Timing, TrialView, record_answers, view_trial
from rater.study.study import Study
from rater.study.visit import Channel, GuessChoice
from rater.unblind import Reason, Unblinded, unblind

NOW = datetime(2026, 4, 1, tzinfo=UTC)


Judge = Callable[[TrialView], Judgement]


REASON = Reason(who="an analyst", why="the plan")


def answer(shown: TrialView) -> Judgement:
    """Judge by the text: its number's last digit decides, and some cannot be judged."""
    digit = int(shown.texts[0].split()[2]) % 10
    return Judgement(None if digit > 6 else 1 + digit % 5, "hm" if digit < 3 else None)


def rate(
    rating_url: str,
    study: Study,
    *,
    n_trials: int | None = None,
    judge: Judge = answer,
    token: str | None = None,
) -> str:
    """Take part as one rater, through as many trials as are named, or to the end; returns the rater's id."""
    token = token or sessions.new_token()
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        published = get_study(session, study.name)
        arrival = raters.Arrival(Channel.WEB)
        rater_session = raters.claim_booklet(
            session, published.id, token, arrival=arrival, protocol=study.protocol, now=NOW
        )
        for position in range(1, (n_trials or rater_session.n_trials) + 1):
            current = sessions.find_rater_session(session, published.id, token)
            assert current is not None
            judged = judge(view_trial(session, current, position))
            sent = Submission(f"sent {position}", position, {study.primary: judged}, Timing(1_000, 20, 100))
            record_answers(session, published.id, current, sent, revising="all", now=NOW)
    return rater_session.rater_id


def publish(study: Study, sealed_url: str, rating_url: str) -> None:
    publish_study(sealed_url, rating_url, study.name, now=NOW)
    open_study(rating_url, study.name, now=NOW)


@pytest.fixture
def rated(study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str) -> Study:
    """The study, open, with one rater who gave 4 to all texts of their booklet."""
    seal_completions(study)
    publish(study, sealed_url, rating_url)
    rate(rating_url, study, judge=lambda _: Judgement(4))
    return study


def look(sealed_url: str, rating_url: str, study: Study, *, interim: bool = False) -> Unblinded:
    return unblind(sealed_url, rating_url, study.name, reason=REASON, now=NOW, interim=interim)


def change(url: str, *statements: str) -> None:
    with disposing(open_engine(url)) as engine, writing(engine) as session:
        for statement in statements:
            session.execute(text(statement))


def read_log(rating_url: str, study: Study) -> tuple[str, list[str]]:
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        published = get_study(session, study.name)
        return published.state, [event.kind for event in read_events(session, EventRow, published.id)]


def changed(study: Study, **fields: object) -> Study:
    return Study.model_validate({**study.model_dump(), **fields})


RICH = {
    "dimensions": [
        {
            "name": "happiness",
            "question": "How happy?",
            "scale": {"kind": "likert", "points": 5, "low": "not", "high": "very"},
            "cannot_judge": True,
            "comment": "Why?",
        }
    ],
    "blinding": {"n_texts": 3},
    "plan": {
        "raters": 4,
        "items_per_rater": 16,
        "repeats": 3,
        "checks": [{"prompt": "Please", "text": " press 1 now.", "accepted": {"happiness": [1, 1]}}],
    },
}


@pytest.fixture
def rich(study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str) -> Study:
    """A study with repeats, a check, a way to say "cannot judge" and a blinding question; three raters."""
    declared = changed(study, **RICH)
    seal_completions(declared)
    publish(declared, sealed_url, rating_url)

    def judge(shown: TrialView) -> Judgement:
        return Judgement(1) if "press 1" in shown.texts[0] else answer(shown)

    whole = [rate(rating_url, declared, judge=judge) for _ in range(2)]
    rate(rating_url, declared, n_trials=7, judge=lambda _: Judgement(2))
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        for rater_id in whole:
            steps.open_guesses(session, rater_id, now=NOW)
            steps.record_guesses(
                session,
                rater_id,
                {1: GuessChoice.FIRST, 2: GuessChoice.SECOND, 3: GuessChoice.UNSURE},
                now=NOW,
            )
    return declared


PAIRWISE = {
    "dimensions": [{"name": "which", "question": "Which?", "scale": {"kind": "pairwise", "tie": "Neither"}}],
    "plan": {"raters": 4},
    "analysis": {},
}


@pytest.fixture
def paired(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> Study:
    """A study of pairs, whose four raters always prefer the text that was made in the steered arm."""
    declared = changed(study, **PAIRWISE)
    seal_completions(declared)
    publish(declared, sealed_url, rating_url)

    def is_steered(text: str) -> bool:
        return int(text.split()[2]) % 6 >= 3  # sealed by prompt, then arm, then sample: three of each

    for _ in range(4):
        rate(rating_url, declared, judge=lambda shown: Judgement(-1 if is_steered(shown.texts[0]) else 1))
    return declared
