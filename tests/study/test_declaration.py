import pytest
from pydantic import ValidationError

from rater import Steered, XVector


def test_a_declared_arm_cannot_be_changed() -> None:
    arm = Steered(additions=[XVector("Love", "Hate", coeff=5, at=6)])

    with pytest.raises(ValidationError, match="frozen"):
        arm.name = "other"  # type: ignore[misc]  # what is tested
    assert isinstance(arm.additions, tuple)
