"""Give the audit's tests a published study, and one with every kind of page."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from rater import (
    AttentionCheck,
    BlindingQuestion,
    Dimension,
    Ending,
    Endings,
    Likert,
    Logo,
    Number,
    Pairwise,
    Practice,
    Ranking,
    ScreeningQuestion,
    Slider,
)
from rater.audit.marks import Searcher, collect_marks
from rater.audit.preview import PIXEL
from rater.publish.publish import publish_study
from rater.store.engine import disposing, open_engine
from rater.store.rating.studies import PublishedStudy
from rater.study.design import Plan
from rater.study.questionnaire import Question
from rater.study.study import Study

RATED = (
    Dimension(
        name="happiness", question="How happy?", scale=Likert(low="not", high="very"), cannot_judge=True
    ),
    Dimension(
        name="force", question="How forceful?", scale=Slider(low="not", high="very"), comment="Why so?"
    ),
    Dimension(name="words", question="How many words?", scale=Number(minimum=5, maximum=60, unit="words")),
)

COMPARED = (
    Dimension(
        name="preference",
        question="Which is happier?",
        scale=Pairwise(tie="No difference", degrees=("a bit", "much")),
        cannot_judge=True,
        comment="Why?",
    ),
)


ORDERED = (
    Dimension(
        name="mood",
        question="Which is happiest, and which is saddest?",
        scale=Ranking(texts=3, top="happiest", bottom="saddest"),
        cannot_judge=True,
    ),
)


NOW = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def published(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> PublishedStudy:
    seal_completions(study)
    return publish_study(sealed_url, rating_url, study.name, now=NOW)


@pytest.fixture
def rating(published: PublishedStudy, rating_url: str) -> Iterator[Engine]:
    with disposing(open_engine(rating_url)) as engine:
        yield engine


def change(rating_url: str, *statements: str) -> None:
    with closing(sqlite3.connect(rating_url.removeprefix("sqlite:///"))) as connection:
        for statement in ("PRAGMA secure_delete = OFF", *statements):
            connection.execute(statement)
            connection.commit()


def searcher(study: Study) -> Searcher:
    return Searcher(collect_marks(study, seeds=[5_550_001], secrets=[]))


def with_every_page(study: Study, dimensions: tuple[Dimension, ...]) -> Study:
    first = dimensions[0]
    other = {"other_texts": tuple(f" went {n}." for n in range(1, first.scale.n_texts))}
    accepted = {first.name: (first.scale.lowest, first.scale.lowest)}
    check = AttentionCheck.model_validate(
        {"prompt": "Please", "text": " choose it.", "accepted": accepted, **other}
    )
    practice = Practice.model_validate(
        {"prompt": "A try", "text": " it is.", "accepted": accepted, "feedback": "So it is.", **other}
    )
    screening = ScreeningQuestion(question="Do you read English?", options=("Yes", "No"), accepted=("Yes",))
    return study.model_copy(
        update={
            "dimensions": dimensions,
            "content_notice": "Some are sad.",
            "screening": (screening,),
            "questionnaire": (
                Question(name="field", question="What do you study?", options=("Physics", "Other")),
                Question(name="speaks", question="What?", kind="choices", options=("German", "French")),
                Question(name="age", question="How old are you?", kind="number", minimum=18),
                Question(name="job", question="Your job?", kind="text", when="after"),
            ),
            "practice": (practice,),
            "practice_pass": 1,
            "break_every": 4,
            "logo": Logo(path="logo.png", alt="University of Somewhere", content=PIXEL),
            "blinding": BlindingQuestion(),
            "final_comment": "Anything else?",
            "debrief": "Half of the texts were made after a change to the model.",
            "debrief_immediately": True,
            "endings": Endings(finished=Ending(code="C1", url="https://example.org/done")),
            "plan": Plan(raters=6, repeats=2, checks=(check,)),
        }
    )
