import pytest
from pydantic import TypeAdapter, ValidationError

from rater import ActivationAddition, Steered, XVector
from rater.study.arms import Addition, hook_name


@pytest.mark.parametrize(
    ("at", "name"),
    [(0, "blocks.0.hook_resid_pre"), (6, "blocks.6.hook_resid_pre"), ("hook_embed", "hook_embed")],
)
def test_a_layer_number_means_the_residual_stream_before_that_block(at: int | str, name: str) -> None:
    assert hook_name(at) == name
    assert ActivationAddition(1, at, "a").hook_point == name


def test_additions_keep_the_argument_order_of_the_seed_system() -> None:
    addition = ActivationAddition(5, 6, " weddings")

    assert (addition.coeff, addition.act_name, addition.prompt) == (5.0, 6, " weddings")


def test_token_ids_given_as_a_list_are_kept_as_a_tuple() -> None:
    listed, tupled = ActivationAddition(1, 6, tokens=[1, 2]), ActivationAddition(1, 6, tokens=(1, 2))

    assert listed == tupled
    assert hash(listed) == hash(tupled)
    assert listed.tokens == (1, 2)


def test_an_x_vector_may_subtract_an_empty_text() -> None:
    assert XVector(" weddings", "", coeff=1, at=6).prompt2 == ""


@pytest.mark.parametrize("pad", ["space", "model", 0, 50_256, None])
def test_an_x_vector_is_padded_as_one_says(pad: str | int | None) -> None:
    assert XVector("a", "b", coeff=1, at=6, pad=pad).pad == pad  # type: ignore[arg-type]  # one str is too wide


@pytest.mark.parametrize(
    "addition",
    [XVector("Love", "Hate", coeff=5, at=6, pad=None), ActivationAddition(-1.5, "hook_embed", tokens=[1, 2])],
)
def test_an_addition_comes_back_from_json_as_it_was(addition: XVector | ActivationAddition) -> None:
    adapter: TypeAdapter[XVector | ActivationAddition] = TypeAdapter(Addition)

    assert adapter.validate_json(adapter.dump_json(addition)) == addition


def test_a_declared_arm_cannot_be_changed() -> None:
    arm = Steered(additions=[XVector("Love", "Hate", coeff=5, at=6)])

    with pytest.raises(ValidationError, match="frozen"):
        arm.name = "other"  # type: ignore[misc]  # what is tested
    assert isinstance(arm.additions, tuple)
