"""Check studies against what a model's configuration says."""

import pytest

from rater.errors import StudyError
from rater.study.fit import require_layers
from rater.study.study import Study


def test_a_layer_that_the_model_lacks_is_named_with_its_place(study: Study) -> None:
    with pytest.raises(StudyError) as caught:
        require_layers(study, 12)

    assert str(caught.value) == ("arms[1].additions[0].at is 17, but smollm2-135m-instruct has layers 0–11.")


def test_a_hook_point_of_a_block_that_the_model_lacks_is_named(study: Study) -> None:
    addition = {"prompt": "Love", "coeff": 1, "act_name": "blocks.30.hook_resid_post"}
    arms = [{"kind": "unsteered"}, {"kind": "steered", "additions": [addition]}]
    deep = Study.model_validate({**study.model_dump(), "arms": arms})

    with pytest.raises(StudyError, match=r"act_name is blocks\.30\.hook_resid_post, but .* layers 0–29"):
        require_layers(deep, 30)


def test_layers_that_are_there_pass(study: Study) -> None:
    require_layers(study, 30)
