from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from rater import (
    Dimension,
    Number,
    Practice,
    Recruitment,
    ScreeningQuestion,
    Slider,
    Steered,
    Study,
    XVector,
)
from rater.audit.run import audit_study
from rater.publish.publish import publish_study
from tests.audit.conftest import COMPARED, ORDERED, RATED, with_every_page

NOW = datetime(2026, 4, 1, tzinfo=UTC)


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
    assert any(cue.name == "place among the texts of a trial" for cue in found.cues) == (
        dimensions is COMPARED
    )


def test_the_audit_puts_the_texts_of_a_group_in_order_on_its_way_to_the_last_page(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    third = Steered(name="gnu-arm", additions=(XVector("Okapi prompt", "Tapir prompt", coeff=3.0625, at=5),))
    three = study.model_copy(update={"arms": (*study.arms, third)})
    declared = with_every_page(three, ORDERED)
    seal_completions(declared)

    found = audit_study(sealed_url, rating_url, declared.name, now=NOW)

    assert found.leaks == ()
    assert found.n_trials_crawled > 0


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
