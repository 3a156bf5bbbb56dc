import pytest
import torch

from rater.errors import ModelError
from rater.steering.positions import Touch, Window, places, require_fit, shift, touches
from rater.steering.vectors import SteeringVector
from rater.study.additions import Position, When

AT = "blocks.6.hook_resid_pre"


def vector(length: int, position: Position = "front", when: When = "prompt") -> SteeringVector:
    numbers = torch.arange(1.0, length + 1)[:, None]  # 1, 2, …, so that sums show what came where
    return SteeringVector(AT, numbers, position, when)


# Two rows of a left-padded batch: prompts of 2 and 4 tokens, each with 2 generated ones.
REAL = torch.tensor([[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]], dtype=torch.bool)
WHOLE = Window.of_mask(REAL, 6, (2, 4))


@pytest.mark.parametrize(
    ("length", "position", "prompt_length", "expected"),
    [
        (2, "front", 5, (0, 1)),
        (2, "back", 5, (3, 4)),
        # llm-steering's middle: seq // 2 - length // 2.
        (2, "mid", 5, (1, 2)),
        (3, "mid", 4, (1, 2, 3)),
        (3, "mid", 9, (3, 4, 5)),
        (1, "mid", 1, (0,)),
        (2, (3, -1), 6, (3, 5)),
        (1, (0, 2, -1), 6, (0, 2, 5)),
    ],
)
def test_places_in_a_prompt(
    length: int, position: Position, prompt_length: int, expected: tuple[int, ...]
) -> None:
    assert places(vector(length, position), prompt_length) == expected


@pytest.mark.parametrize(
    ("steering", "row_0", "row_1"),
    [
        (vector(2), [0, 0, 1, 2, 0, 0], [1, 2, 0, 0, 0, 0]),
        (vector(1, "back"), [0, 0, 0, 1, 0, 0], [0, 0, 0, 1, 0, 0]),
        (vector(2, "mid"), [0, 0, 1, 2, 0, 0], [0, 1, 2, 0, 0, 0]),
        (vector(2, (-1, 0)), [0, 0, 2, 1, 0, 0], [2, 0, 0, 1, 0, 0]),
        (vector(1, (0, -1)), [0, 0, 1, 1, 0, 0], [1, 0, 0, 1, 0, 0]),
        (vector(1, when="generated"), [0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 1, 1]),
        (vector(1, when="all"), [0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]),
    ],
)
def test_padding_is_never_counted_or_touched(
    steering: SteeringVector, row_0: list[float], row_1: list[float]
) -> None:
    added = shift([[steering], [steering]], WHOLE)[AT]

    assert added[:, :, 0].tolist() == [row_0, row_1]


def test_a_cached_step_continues_counting() -> None:
    step = Window.of_mask(REAL[:, :5], 1, (2, 4))  # the first generated token

    assert step.positions.tolist() == [[2], [4]]
    assert shift([[vector(2)], [vector(1, "back")]], step) == {}
    assert shift([[vector(1, when="generated")]] * 2, step)[AT].tolist() == [[[1.0]], [[1.0]]]


def test_each_row_gets_its_own_and_sums_them() -> None:
    added = shift([[vector(1), vector(1, "back")], []], Window.of_mask(REAL[:, :4], 4, (2, 4)))[AT]

    assert added[:, :, 0].tolist() == [[0, 0, 1, 1], [0, 0, 0, 0]]


def test_a_trace_names_row_position_and_layer() -> None:
    touched = touches([[vector(2)], [vector(1, when="generated")]], WHOLE)

    assert touched == [Touch(0, 0, AT), Touch(0, 1, AT), Touch(1, 4, AT), Touch(1, 5, AT)]
    assert touched[0].layer == 6
    assert Touch(0, 0, "hook_embed").layer is None


@pytest.mark.parametrize(
    ("steering", "length", "message"),
    [
        (vector(3), 2, "The prompt is 2 tokens long with BOS, but an addition made to it is 3"),
        (vector(1, (5,)), 5, "is made to it at position 5; valid: different positions from 0 to 4"),
        (vector(1, (-6,)), 5, "is made to it at position -6; valid: .* from -5 to -1"),
        (vector(2, (4, -1)), 5, "at the same position twice"),
    ],
)
def test_what_does_not_fit_a_prompt_is_refused(steering: SteeringVector, length: int, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        require_fit(steering, length, "The prompt")


def test_what_is_added_to_every_token_fits_every_prompt() -> None:
    require_fit(vector(1, when="all"), 1, "The prompt")
