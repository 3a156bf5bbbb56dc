"""Search the rating file's bytes for what must not be in it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rater import AttentionCheck, Plan
from rater.publish.publish import open_study, publish_study
from rater.store.engine import disposing, reading, writing
from rater.store.rating.open import open_rating
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.trials import Judgement, Submission, record_answers
from rater.study.study import Study
from rater.study.visit import Channel

NOW = datetime(2026, 4, 1, tzinfo=UTC)

# what the `study` fixture plants: arm names, steering prompts, coefficient, hook point, the public seed
MARKS = ["zebra", "walrus", "Quokka", "Numbat", "7.8125", "hook_resid_pre", "918273645", "marked_study.py"]


@pytest.fixture
def published_bytes(
    study: Study,
    seal_completions: Callable[[Study], None],
    sealed_url: str,
    rating_url: str,
    tmp_path: Path,
) -> bytes:
    """All bytes of the rating database, WAL included, while a rater is answering."""
    check = AttentionCheck(prompt="Please", text="choose 1", accepted={"happiness": (1, 1)})
    plan = Plan(raters=6, repeats=2, checks=[check])
    study = Study.model_validate(
        study.model_dump() | {"plan": plan.model_dump(), "guessed_arms": ["walrus-arm"]}
    )
    seal_completions(study)
    published = publish_study(sealed_url, rating_url, study.name, now=NOW)
    open_study(rating_url, study.name, now=NOW)
    with disposing(open_rating(rating_url)) as rating:
        with writing(rating) as session:
            rater_session = claim_booklet(
                session,
                published.id,
                "a token",
                arrival=Arrival(Channel.WEB),
                protocol=published.protocol,
                now=NOW,
            )
            sent = Submission("sent", 1, {"happiness": Judgement(4)})
            record_answers(session, published.id, rater_session, sent, revising="all", now=NOW)
        with reading(rating):
            files = list(tmp_path.glob("rating.db*"))
            return b"".join(file.read_bytes() for file in files)


@pytest.mark.parametrize("mark", MARKS)
def test_no_arm_steering_prompt_coefficient_or_seed_is_in_the_rating_file(
    published_bytes: bytes, mark: str
) -> None:
    assert mark.lower().encode() not in published_bytes.lower()
    assert mark.encode("utf-16-le") not in published_bytes


def test_the_search_finds_what_is_there(published_bytes: bytes) -> None:
    assert b"I woke up and" in published_bytes
    assert b"How happy is this text?" in published_bytes


def test_the_search_would_find_the_marks_where_they_are(published_bytes: bytes, tmp_path: Path) -> None:
    sealed = b"".join(file.read_bytes() for file in tmp_path.glob("sealed.db*"))

    assert published_bytes
    for mark in ["zebra", "walrus", "Quokka", "7.8125", "918273645"]:
        assert mark.encode() in sealed
