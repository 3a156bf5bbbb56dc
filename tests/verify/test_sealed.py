from collections.abc import Callable
from pathlib import Path

from rater.study.study import Study
from rater.verify import Check, verify_study
from tests.unblind.conftest import changed, publish
from tests.verify.tamper import tamper


def verify(rating_url: str, sealed_url: str | None, study: Study, head: str | None = None) -> list[Check]:
    return list(verify_study(rating_url, study.name, sealed_url=sealed_url, head=head))


def tampered(checks: list[Check]) -> set[str]:
    return {check.name for check in checks if check.outcome == "tampered"}


def test_without_the_sealed_database_the_rest_is_verified(
    finished_study: tuple[Study, str], rating_url: str, tmp_path: Path
) -> None:
    study, _ = finished_study

    for absent in (None, f"sqlite:///{tmp_path / 'absent.db'}"):
        checks = verify(rating_url, absent, study)
        assert tampered(checks) == set()
        assert (checks[-1].name, checks[-1].outcome) == ("key", "not checked")
        assert {check.outcome for check in checks[:-1]} == {"valid", "not checked"}


def test_trials_that_are_not_two_texts_of_one_arm_and_one_other_are_tampered(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    odd = {"name": "odd", "question": "Which?", "scale": {"kind": "odd_one_out"}}
    declared = changed(study, dimensions=[odd], plan={"raters": 2}, analysis={})
    seal_completions(declared)
    publish(declared, sealed_url, rating_url)
    before = {check.name: check.outcome for check in verify(rating_url, sealed_url, declared)}

    tamper(
        rating_url,
        "CREATE TEMP TABLE first AS SELECT * FROM trial_text WHERE place = 1",
        "UPDATE trial_text SET item_id = item_id || 'x' WHERE place = 1",
        "UPDATE trial_text SET item_id = (SELECT first.item_id FROM first WHERE first.booklet_id = "
        "trial_text.booklet_id AND first.position = trial_text.position % 8 + 1) WHERE place = 1",
    )

    assert before["odd texts"] == "valid"
    assert {"odd texts", "assignment"} <= tampered(verify(rating_url, sealed_url, declared))
