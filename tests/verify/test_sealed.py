from pathlib import Path

from rater.study.study import Study
from rater.verify import Check, verify_study


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
