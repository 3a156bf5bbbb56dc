"""Fields of items are public, and refused where they tell arms apart."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rater.audit.leaks import find_separating_fields
from rater.audit.marks import AuditedPublication, arms_of
from rater.audit.run import audit_draft, audit_study
from rater.publish.draft import PreparedPublication, prepare_publication
from rater.publish.publish import publish_study
from rater.study.design import Plan
from rater.study.practice_and_checks import AttentionCheck, Practice
from rater.study.study import Study

NOW = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def prepared(
    study_with_items: Study, seal_completions: Callable[[Study], None], sealed_url: str
) -> PreparedPublication:
    seal_completions(study_with_items)
    return prepare_publication(sealed_url, study_with_items.name, now=NOW)


def audited(prepared: PreparedPublication) -> AuditedPublication:
    return AuditedPublication(
        study=prepared.study,
        published=prepared.published,
        items=tuple(prepared.draft.items),
        booklets=tuple(prepared.draft.booklets),
        arms=arms_of(prepared.draft.key, prepared.completions),
        seeds=frozenset(),
        secrets=(),
    )


def test_fields_that_every_arm_has_equally_often_reveal_nothing(prepared: PreparedPublication) -> None:
    assert find_separating_fields(audited(prepared)) == []


def test_a_field_with_another_value_in_one_arm_is_refused(
    prepared: PreparedPublication, sealed_url: str
) -> None:
    publication = audited(prepared)
    items = prepared.draft.items
    number = next(n for n, item in enumerate(items) if publication.arms[item.id] == "zebra-arm")
    items[number] = replace(items[number], fields={**items[number].fields, "task": "Other"})

    found = find_separating_fields(audited(prepared))

    assert [(hit.severity, hit.mark, hit.count) for hit in found] == [
        ("structure", "task 'Other'", 1),
        ("structure", "task 'Write <b>one</b> line'", 1),
    ]
    audit = audit_draft(sealed_url, prepared)
    assert audit.is_refused
    assert [hit.mark for hit in audit.leaks] == ["task 'Other'", "task 'Write <b>one</b> line'"]


def test_a_study_with_fields_in_every_place_passes_the_audit(
    study_with_items: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    own = {"concept": "the arm of a chair", "task": "Try"}
    practice = Practice(prompt="A try", text=" with {concept}.", accepted={"happiness": (5, 5)}, fields=own)
    check = AttentionCheck(prompt="Please", text=" choose 1.", accepted={"happiness": (1, 1)}, fields=own)
    declared = study_with_items.model_copy(
        update={"practice": (practice,), "plan": Plan(raters=6, checks=[check])}
    )
    seal_completions(declared)
    publish_study(sealed_url, rating_url, declared.name, now=NOW)

    found = audit_study(sealed_url, rating_url, declared.name, now=NOW)

    assert found.leaks == ()
    assert not any(cue.refuses for cue in found.cues)
