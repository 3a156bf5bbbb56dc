"""Give the tests of studies a valid one, of which each changes a part."""

from collections.abc import Callable

import pytest

from rater import Dimension, Likert, Steered, Study, Unsteered, XVector


@pytest.fixture
def declare() -> Callable[..., Study]:
    """A function that declares a study, valid but for what is passed to it."""

    def declared(**changed: object) -> Study:
        scale = Likert(low="not at all", high="very")
        fields: dict[str, object] = {
            "name": "love_vs_hate",
            "title": "How happy are these texts?",
            "consent": "You will rate texts.",
            "instructions": "Read, then choose.",
            "dimensions": [Dimension(name="happiness", question="How happy is this text?", scale=scale)],
            "prompts": ["I hate you because", "The rain"],
            "arms": [Unsteered(), Steered(additions=[XVector("Love", "Hate", coeff=5, at=6)])],
        }
        return Study.model_validate(fields | changed)

    return declared
