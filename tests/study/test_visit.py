import pytest
from pydantic import ValidationError

from rater.study.visit import FreedReason, Recruitment


def test_finished_raters_lose_their_place_by_the_site_or_the_rule_alone() -> None:
    kept = {reason for reason in FreedReason if not reason.frees_finished}

    assert kept == {FreedReason.INACTIVE, FreedReason.BY_HAND}


def test_a_pattern_that_is_no_regular_expression_is_refused() -> None:
    with pytest.raises(ValidationError, match="not a regular expression"):
        Recruitment(participant_id="id", pattern="[0-9")
