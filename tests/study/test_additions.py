from collections.abc import Callable

import numpy as np
import pytest
from pydantic import TypeAdapter

from rater import ActivationAddition, XVector
from rater.errors import ModelError
from rater.study.additions import AnyAddition
from rater.study.arms import (
    Addition,
    DatasetVector,
    RandomVector,
    VectorFile,
    hook_name,
)


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


@pytest.mark.parametrize("tokens", [np.array([1, 2]), np.array([[1, 2]]), [np.int64(1), 2], [[1, 2]]])
def test_token_ids_of_an_array_are_those_of_a_list(tokens: object) -> None:
    assert ActivationAddition(1, 6, tokens=tokens) == ActivationAddition(1, 6, tokens=[1, 2])  # type: ignore[arg-type] # an array passes, too


@pytest.mark.parametrize("tokens", [np.array([[1, 2], [3, 4]]), np.array([1.5]), np.array(1), "12", []])
def test_what_is_not_the_tokens_of_one_text_is_refused(tokens: object) -> None:
    with pytest.raises(ModelError, match=r"ActivationAddition is not valid\.\n  tokens"):
        ActivationAddition(1, 6, tokens=tokens)  # type: ignore[arg-type] # refused


def test_a_layer_number_and_its_name_are_one_hook_point() -> None:
    named = ActivationAddition(1, "blocks.6.hook_resid_pre", "Love")

    assert named == ActivationAddition(1, 6, "Love")
    assert hash(named) == hash(ActivationAddition(1, 6, "Love"))
    assert (named.act_name, named.hook_point) == (6, "blocks.6.hook_resid_pre")
    assert XVector("a", "b", coeff=1, at="blocks.6.hook_resid_post").at == "blocks.6.hook_resid_post"


def test_all_problems_of_an_addition_are_listed() -> None:
    with pytest.raises(ModelError) as caught:
        XVector("a", "b", coef=1, at=-1)  # type: ignore[call-arg] # refused

    first, *problems = str(caught.value).splitlines()
    assert first == "XVector is not valid."
    assert "at is -1; valid: a layer number from 0" in "".join(problems)
    assert "Unknown field coef. Did you mean 'coeff'?" in "".join(problems)


def test_an_x_vector_may_subtract_an_empty_text() -> None:
    assert XVector(" weddings", "", coeff=1, at=6).prompt2 == ""


@pytest.mark.parametrize("pad", ["space", "model", 0, 50_256, None])
def test_an_x_vector_is_padded_as_one_says(pad: str | int | None) -> None:
    assert XVector("a", "b", coeff=1, at=6, pad=pad).pad == pad  # type: ignore[arg-type]  # one str is too wide


@pytest.mark.parametrize(
    "addition",
    [
        XVector("Love", "Hate", coeff=5, at=6, pad=None),
        ActivationAddition(-1.5, "hook_embed", tokens=[1, 2]),
        XVector("Love", "Hate", relative=0.5, at=6, position=(1, -1), dims=(0, 10)),
        ActivationAddition(act_name=6, prompt="Love", coeff=1, read="last", when="all"),
        DatasetVector(["good", "fine"], ["bad", "ill"], coeff=2, at=6, method="pca", read="mean"),
        VectorFile("love.gguf", coeff=2, when="generated"),
        RandomVector(XVector("Love", "Hate", coeff=5, at=6), seed=3),
        RandomVector((ActivationAddition(5, 6, "Love"), ActivationAddition(-5, 6, "Hate")), seed=3),
    ],
)
def test_an_addition_comes_back_from_json_as_it_was(addition: AnyAddition) -> None:
    adapter: TypeAdapter[AnyAddition] = TypeAdapter(Addition)

    again = adapter.validate_json(adapter.dump_json(addition))

    assert again == addition
    assert hash(again) == hash(addition)


def test_what_says_nothing_is_not_in_the_json() -> None:
    plain = XVector("Love", "Hate", coeff=5, at=6)
    placed = XVector("Love", "Hate", coeff=5, at=6, position="back", when="prompt", read="last")
    adapter: TypeAdapter[AnyAddition] = TypeAdapter(Addition)

    assert adapter.dump_python(plain) == {
        "prompt1": "Love",
        "prompt2": "Hate",
        "coeff": 5.0,
        "at": 6,
        "pad": "space",
    }
    assert adapter.dump_python(placed) == adapter.dump_python(plain) | {"position": "back", "read": "last"}


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (
            lambda: XVector("a", "b", at=6),
            "of coeff and relative, neither is given; valid: exactly one of them",
        ),
        (lambda: XVector("a", "b", coeff=1, relative=1, at=6), "of coeff and relative, both are given"),
        (lambda: ActivationAddition(1, prompt="a"), "a layer number from 0, or a hook point such as"),
        (lambda: VectorFile("a.gguf"), "of coeff and relative, neither is given"),
        (lambda: VectorFile("a.gguf", coeff=1, position="end"), "'front', 'mid', 'back', or positions"),  # type: ignore[arg-type] # refused
        (lambda: VectorFile("a.gguf", coeff=1, sha256="abc"), "sha256 is 'abc'; valid: 64 digits"),
        (lambda: XVector("a", "b", coeff=1, at=6, position=[]), "'front', 'mid', 'back', or positions"),  # type: ignore[arg-type] # refused
        (lambda: XVector("a", "b", coeff=1, at=6, position=[1.5]), "'front', 'mid', 'back', or positions"),  # type: ignore[arg-type] # refused
        (lambda: XVector("a", "b", coeff=1, at=6, dims=(3, 3)), "with 0 <= start < stop, or None for all"),
        (lambda: XVector("a", "b", coeff=1, at=6, dims=(-3, 3)), "with 0 <= start < stop, or None for all"),
        (
            lambda: XVector("a", "b", coeff=1, at=6, position="back", when="all"),
            "position is 'back', but it names tokens of the prompt and when is 'all'",
        ),
        (
            lambda: DatasetVector(["a", "b"], ["c"], coeff=1, at=6, method="pca"),
            "positive has 2 texts and negative 1, but 'pca' needs pairs",
        ),
        (lambda: DatasetVector([], ["c"], coeff=1, at=6), "positive has 0; valid: at least 1 of them"),
        (
            lambda: RandomVector((XVector("a", "b", coeff=1, at=6, dims=(0, 3)), VectorFile("a", coeff=1))),
            "like has additions with different dims; valid: one RandomVector for each",
        ),
        (
            lambda: RandomVector(RandomVector(XVector("a", "b", coeff=1, at=6))),  # type: ignore[arg-type] # refused
            r"an XVector\(…\), ActivationAddition\(…\), DatasetVector\(…\) or VectorFile\(…\)",
        ),
    ],
)
def test_an_addition_that_says_nothing_runnable_is_refused(
    declare: Callable[[], AnyAddition], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        declare()


def test_positions_given_as_a_list_are_kept_as_a_tuple() -> None:
    listed = XVector("a", "b", coeff=1, at=6, position=[1, -1])  # type: ignore[arg-type] # a list passes, too

    assert listed == XVector("a", "b", coeff=1, at=6, position=(1, -1))


def test_sets_of_texts_need_not_be_pairs_for_a_mean_difference() -> None:
    vector = DatasetVector(["a", "b"], ["c"], coeff=1, at=6)

    assert (vector.positive, vector.negative) == (("a", "b"), ("c",))
