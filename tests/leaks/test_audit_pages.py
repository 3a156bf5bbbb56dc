"""Audit studies that have every kind of page and trial, walked in the real app."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rater import (
    AttentionCheck,
    BlindingQuestion,
    Dimension,
    Ending,
    Endings,
    Likert,
    Number,
    Pairwise,
    Plan,
    Practice,
    Recruitment,
    ScreeningQuestion,
    Slider,
    Study,
)
from rater.audit.marks import AuditedPublication, arms_of
from rater.audit.page_structure import Crawler
from rater.audit.preview import previewing
from rater.audit.run import audit_study
from rater.publish.draft import prepare_publication
from rater.publish.publish import publish_study

NOW = datetime(2026, 4, 1, tzinfo=UTC)
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


def with_every_page(study: Study, dimensions: tuple[Dimension, ...]) -> Study:
    first = dimensions[0]
    other = {"other_text": " went."} if isinstance(first.scale, Pairwise) else {}
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
            "practice": (practice,),
            "practice_pass": 1,
            "break_every": 4,
            "blinding": BlindingQuestion(),
            "final_comment": "Anything else?",
            "debrief": "Half of the texts were made after a change to the model.",
            "debrief_immediately": True,
            "endings": Endings(finished=Ending(code="C1", url="https://example.org/done")),
            "plan": Plan(raters=6, repeats=2, checks=(check,)),
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dimensions", "name"), [(RATED, "practice"), (COMPARED, "pairs")], ids=["texts", "pairs"]
)
def test_a_clean_study_with_every_kind_of_trial_passes_the_audit_though_the_app_says_its_name(
    study: Study,
    seal_completions: Callable[[Study], None],
    sealed_url: str,
    rating_url: str,
    dimensions: tuple[Dimension, ...],
    name: str,
) -> None:
    declared = with_every_page(study, dimensions).model_copy(update={"name": name})
    seal_completions(declared)
    publish_study(sealed_url, rating_url, name, now=NOW)

    found = audit_study(sealed_url, rating_url, name, now=NOW)

    assert found.leaks == ()
    assert {hit.severity for hit in found.hits if hit.what == "study's name"} == {"own"}
    assert not any(cue.refuses for cue in found.cues)
    assert any(cue.name == "side of the pair" for cue in found.cues) == (dimensions is COMPARED)


@pytest.mark.slow
def test_no_door_keeps_the_audit_from_the_texts_behind_it(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    shut_out = ScreeningQuestion(question="Do you read English?", options=("No", "Yes"), accepted=("Yes",))
    practice = Practice(prompt="A try", text=" it is.", accepted={"happiness": (5, 5)})
    declared = study.model_copy(
        update={
            "invited_only": True,
            "recruitment": Recruitment(participant_id="PID", required=True),
            "screening": (shut_out,),
            "practice": (practice,),
            "practice_pass": 1,
        }
    )
    seal_completions(declared)

    found = audit_study(sealed_url, rating_url, declared.name, now=NOW)

    assert found.n_trials_crawled >= 6 * 8  # practice is counted too
    assert found.leaks == ()


@pytest.mark.slow
def test_the_audit_walks_every_kind_of_page(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, tmp_path: Path
) -> None:
    declared = with_every_page(study, RATED)
    seal_completions(declared)
    prepared = prepare_publication(sealed_url, declared.name, now=NOW)
    draft = prepared.draft
    audited = AuditedPublication(
        study=declared,
        published=prepared.published,
        items=tuple(draft.items),
        booklets=tuple(draft.booklets),
        arms=arms_of(draft.key, prepared.completions),
        seeds=frozenset(),
        secrets=(),
    )

    with previewing(audited, tmp_path) as preview:
        crawler = Crawler(preview.address, preview.slug)
        crawler.crawl(n_booklets=1, max_trials=1)

    seen = {reply.place for reply in crawler.replies if reply.status == 200}
    assert {f"GET /s/…{page}" for page in PAGES} <= seen


def test_the_audit_answers_what_is_typed_and_moved(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    measured = (
        Dimension(name="age", question="How old?", scale=Number(minimum=1, step=0.5), cannot_judge=True),
        Dimension(name="force", question="How much?", scale=Slider(low="a", high="b"), cannot_judge=True),
    )
    declared = study.model_copy(update={"dimensions": measured})
    seal_completions(declared)

    found = audit_study(sealed_url, rating_url, declared.name, now=NOW)

    assert found.n_trials_crawled >= 8
    assert found.leaks == ()


PAGES = (
    "",
    "/consent",
    "/declined",
    "/screening",
    "/instructions",
    "/practice/n",
    "/practice/1/feedback",
    "/trial/n",
    "/rest/n",
    "/leave",
    "/finish",
    "/guesses",
    "/comment",
    "/thanks",
)
