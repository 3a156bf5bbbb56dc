"""Kill a rater's process in the middle: whatever it had confirmed must be there, once."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine, select

from rater.store.engine import reading
from rater.store.rating.schema import Answer
from rater.store.rating.studies import PublishedStudy

_ANSWER_AND_CONFIRM = """
import sys
from datetime import UTC, datetime
from rater.store.engine import writing
from rater.store.rating.open import open_rating
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.sessions import find_rater_session
from rater.store.rating.studies import get_study
from rater.store.rating.trials import Judgement, Submission, record_answers
from rater.study.visit import Channel

url, name = sys.argv[1:]
engine, now = open_rating(url), datetime.now(UTC)
with writing(engine) as session:
    study = get_study(session, name)
    protocol = study.protocol
    claim_booklet(session, study.id, "token", arrival=Arrival(Channel.WEB), protocol=protocol, now=now)
for position in range(1, 100_001):
    with writing(engine) as session:
        rater_session = find_rater_session(session, study.id, "token")
        sent = Submission(f"s{position}", position, {"happiness": Judgement(position % 5 + 1)})
        record_answers(session, study.id, rater_session, sent, revising="all", now=now)
    print(position, flush=True)
"""


def test_every_confirmed_answer_survives_a_kill(
    rating: Engine, rating_url: str, publish: Callable[..., PublishedStudy], now: datetime
) -> None:
    study = publish(rating, n_booklets=1, n_trials=2_000)
    command = [sys.executable, "-c", _ANSWER_AND_CONFIRM, rating_url, study.name]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        confirmed = [int(process.stdout.readline()) for _ in range(25)]
        process.kill()
        confirmed += [int(line) for line in process.stdout if line.endswith("\n")]

    with reading(rating) as session:
        stored = Counter(session.scalars(select(Answer.position)))
    assert process.returncode == -9
    assert len(confirmed) >= 25
    assert set(confirmed) <= set(stored)
    assert set(stored.values()) == {1}
    assert len(stored) <= len(confirmed) + 1
