import re
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import BosOnlyWarning, get_x_vector, read_activations, resolve
from rater.steering.bridge import plain_model, tokenize
from rater.steering.vectors import SteeringVector
from rater.study.arms import ActivationAddition, DatasetVector, RandomVector, XVector

pytestmark = [
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore::rater.steering.additions.BosOnlyWarning"),
]


MODEL = "smollm2-135m-instruct"


def test_an_addition_is_the_coefficient_times_the_activations_of_its_prompt(
    embedded_model: TransformerBridge,
) -> None:
    love = read_activations(embedded_model, tokenize(embedded_model, "Love"), "blocks.6.hook_resid_pre")

    [vector] = resolve(embedded_model, [ActivationAddition(2.5, 6, "Love")])

    assert vector.hook_point == "blocks.6.hook_resid_pre"
    assert torch.equal(vector.activations, 2.5 * love)


def test_tokens_are_used_as_they_are_and_a_prompt_gets_bos(embedded_model: TransformerBridge) -> None:
    [by_prompt] = resolve(embedded_model, [ActivationAddition(1, 6, "Love")])
    [by_tokens] = resolve(embedded_model, [ActivationAddition(1, 6, tokens=(1, 30200))])
    [without_bos] = resolve(embedded_model, [ActivationAddition(1, 6, tokens=(30200,))])

    assert torch.equal(by_prompt.activations, by_tokens.activations)
    assert len(without_bos) == 1


def test_an_empty_prompt_is_bos_alone(embedded_model: TransformerBridge) -> None:
    [vector] = resolve(embedded_model, [ActivationAddition(1, 6, "")])

    assert len(vector) == 1


def test_additions_of_unequal_lengths_are_summed_from_bos_on(embedded_model: TransformerBridge) -> None:
    short, long = ActivationAddition(1, 6, "Love"), ActivationAddition(1, 6, "I talk about weddings")
    [short_alone], [long_alone] = resolve(embedded_model, [short]), resolve(embedded_model, [long])

    [both] = resolve(embedded_model, [short, long])

    assert torch.equal(both.activations[:2], short_alone.activations + long_alone.activations[:2])
    assert torch.equal(both.activations[2:], long_alone.activations[2:])


def test_additions_at_several_hook_points_stay_apart(embedded_model: TransformerBridge) -> None:
    vectors = resolve(
        embedded_model,
        [ActivationAddition(1, 3, "Love"), ActivationAddition(1, "blocks.9.hook_mlp_out", "Love")],
    )

    assert [each.hook_point for each in vectors] == ["blocks.3.hook_resid_pre", "blocks.9.hook_mlp_out"]


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        (
            XVector("Love", "Hate", coeff=5, at=31),
            f"arms[1].additions[0].at is 31, but {MODEL} has layers 0–29.",
        ),
        (
            ActivationAddition(5, 30, "Love"),
            f"arms[1].additions[0].act_name is 30, but {MODEL} has layers 0–29.",
        ),
        (
            ActivationAddition(5, "blocks.6.hook_resid_per", "Love"),
            (
                "arms[1].additions[0].act_name is 'blocks.6.hook_resid_per', "
                f"which is not a hook point of {MODEL}. Did you mean 'blocks.6.hook_resid_pre'?"
            ),
        ),
        (
            ActivationAddition(5, 6, tokens=(1, 49152)),
            f"arms[1].additions[0] has the token 49152, but {MODEL} has tokens 0 to 49151.",
        ),
        (
            ActivationAddition(1e38, 6, "Love"),
            (
                "arms[1].additions[0] gives activations that are not finite numbers; "
                "use a smaller coeff or another dtype."
            ),
        ),
    ],
)
def test_a_wrong_addition_is_named_with_its_place_and_what_is_valid(
    addition: ActivationAddition | XVector, message: str, embedded_model: TransformerBridge
) -> None:
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        resolve(embedded_model, [addition], place="arms[1].additions")


@pytest.mark.parametrize(
    ("hook_point", "found"),
    [
        ("blocks.6.attn.hook_q", r"gives \(1, 2, 9, 64\)"),
        ("blocks.6.mlp.hook_post", r"gives \(1, 2, 1536\)"),
        ("blocks.6.hook_mlp_in", "cannot be used"),
    ],
)
def test_a_hook_point_of_another_shape_is_refused(
    hook_point: str, found: str, embedded_model: TransformerBridge
) -> None:
    with pytest.raises(ModelError, match=f"The hook point '{hook_point}' of {MODEL} {found}"):
        resolve(embedded_model, [ActivationAddition(5, hook_point, "Love")])


def test_dims_leave_the_others_alone(embedded_model: TransformerBridge) -> None:
    [whole] = resolve(embedded_model, [ActivationAddition(2, 6, "Love")])

    [sliced] = resolve(embedded_model, [ActivationAddition(2, 6, "Love", dims=(100, 200))])

    assert torch.equal(sliced.activations[:, 100:200], whole.activations[:, 100:200])
    assert sliced.activations[:, :100].abs().max().item() == 0
    assert sliced.activations[:, 200:].abs().max().item() == 0


def test_additions_in_different_places_stay_apart(embedded_model: TransformerBridge) -> None:
    vectors = resolve(
        embedded_model,
        [
            ActivationAddition(1, 6, "Love"),
            ActivationAddition(1, 6, "Love", position="back"),
            ActivationAddition(1, 6, "Hate", position="back"),
            ActivationAddition(1, 6, "Love", read="last", when="all"),
        ],
    )

    assert [(each.position, each.when, len(each)) for each in vectors] == [
        ("front", "prompt", 2),
        ("back", "prompt", 2),
        ("back", "prompt", 3),
        ("front", "all", 1),
    ]


def test_one_activation_can_be_read_off_a_prompt(embedded_model: TransformerBridge) -> None:
    each = read_activations(embedded_model, tokenize(embedded_model, "I hate you"), "blocks.6.hook_resid_pre")

    [last], [mean] = (
        resolve(embedded_model, [ActivationAddition(1, 6, "I hate you", read=read)])
        for read in ("last", "mean")
    )

    assert torch.equal(last.activations, each[-1:])
    assert torch.allclose(mean.activations[0], each[1:].mean(0))


def test_an_x_vector_of_last_tokens_takes_each_prompts_own(embedded_model: TransformerBridge) -> None:
    [difference] = resolve(embedded_model, [XVector("Love", "Hate", coeff=2, at=6, read="last")])
    [love], [hate] = (
        resolve(embedded_model, [ActivationAddition(2, 6, text, read="last")]) for text in ("Love", "Hate")
    )

    assert torch.allclose(difference.activations, (love - hate).activations, atol=1e-3)


def test_a_vector_that_is_there_already_is_taken_as_it_is(embedded_model: TransformerBridge) -> None:
    vector = SteeringVector("blocks.3.hook_resid_post", torch.ones(1, 576), position=(2, -1))

    assert resolve(embedded_model, [vector]) == (vector,)


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        (
            ActivationAddition(1, 6, "Love", dims=(0, 577)),
            "additions[0]: dims is (0, 577), but the residual stream has 576; valid: a stop up to 576.",
        ),
        (
            SteeringVector("blocks.3.hook_resid_pre", torch.full((1, 576), torch.nan)),
            "additions[0] gives activations that are not finite numbers",
        ),
        (
            SteeringVector("blocks.3.hook_resid_pre", torch.ones(1, 768)),
            "additions[0] has 768 dimensions, but the residual stream of smollm2-135m-instruct has 576.",
        ),
        (
            SteeringVector("somewhere", torch.ones(1, 576)),
            (
                "additions[0].hook_point is 'somewhere', which is not a hook point of smollm2-135m-instruct. "
                "Valid: a layer from 0 to 29, or 'blocks.N.' with such a number N and hook_resid_pre,"
            ),
        ),
        (
            XVector("Love", "Hate", coeff=1, at=6, pad=49152),
            "additions[0] has the token 49152, but smollm2-135m-instruct has tokens 0 to 49151.",
        ),
        (
            ActivationAddition(1, 6, "Love", when="all"),
            "additions[0]: when is 'all', but the vector at 'blocks.6.hook_resid_pre' has 2 positions; it",
        ),
        (
            RandomVector(ActivationAddition(1, 31, "Love")),
            "additions[0].like.act_name is 31, but smollm2-135m-instruct has layers 0–29.",
        ),
        (
            ActivationAddition(1, 6, tokens=[1] * 9000),
            "A text of an addition is 9000 tokens long with BOS, but the context of smollm2-135m-instruct is",
        ),
    ],
)
def test_what_does_not_fit_the_model_is_refused(
    addition: ActivationAddition, message: str, embedded_model: TransformerBridge
) -> None:
    with pytest.raises(ModelError, match=f"^{re.escape(message)}"):
        resolve(embedded_model, [addition])


POSITIVE = ("I love this.", "What a lovely day it is.", "She was kind and warm.")


NEGATIVE = ("I hate this.", "What a dreadful day it is.", "She was cruel and cold.")


def test_a_mean_difference_is_between_the_means_of_the_texts(embedded_model: TransformerBridge) -> None:
    [vector] = resolve(embedded_model, [DatasetVector(POSITIVE, NEGATIVE, coeff=3, at=12)])
    sides = [
        torch.stack(
            [read_activations(embedded_model, tokenize(embedded_model, text), "blocks.12.hook_resid_pre")[-1]]
        )
        for text in (*POSITIVE, *NEGATIVE)
    ]

    expected = 3 * (torch.cat(sides[:3]).mean(0) - torch.cat(sides[3:]).mean(0))
    # Batched with padding, so that sums run in another order.
    assert torch.allclose(vector.activations[0], expected, rtol=1e-3, atol=0.05)


@pytest.mark.parametrize("method", ["mean_difference", "pca"])
@pytest.mark.parametrize("read", ["last", "mean"])
def test_a_dataset_vector_points_from_the_negative_texts_to_the_positive_ones(
    method: str, read: str, embedded_model: TransformerBridge
) -> None:
    kind = {"coeff": 1, "at": 12, "method": method, "read": read}

    [forth] = resolve(embedded_model, [DatasetVector(POSITIVE, NEGATIVE, **kind)])  # type: ignore[arg-type]
    [back] = resolve(embedded_model, [DatasetVector(NEGATIVE, POSITIVE, **kind)])  # type: ignore[arg-type]
    [difference] = resolve(embedded_model, [DatasetVector(POSITIVE, NEGATIVE, coeff=1, at=12, read=read)])  # type: ignore[arg-type]

    assert torch.allclose(forth.activations, -back.activations, atol=1e-3)
    assert (forth.activations * difference.activations).sum().item() > 0


def test_a_random_vector_has_the_norms_of_the_other_and_its_own_direction(
    embedded_model: TransformerBridge,
) -> None:
    like = ActivationAddition(5, 6, "I hate you", dims=(0, 300))
    [vector] = resolve(embedded_model, [like])

    [random], [again], [other] = (
        resolve(embedded_model, [RandomVector(like, seed=seed)]) for seed in (1, 1, 2)
    )

    assert torch.allclose(random.norms(), vector.norms(), rtol=1e-5)
    assert random == again
    assert random != other
    assert random.activations[:, 300:].abs().max().item() == 0
    alignment = torch.cosine_similarity(random.activations, vector.activations)
    assert alignment.abs().max().item() < 0.25


@pytest.mark.parametrize(
    ("additions", "message"),
    [
        (ActivationAddition(1, 6, "Love"), "additions is ActivationAddition(.*); valid: a list of additions"),
        (
            [get_x_vector("Love", "Hate", 5, 6)],
            r"additions\[0\] is \(.*\(a pair is unpacked with \*\)",
        ),
        ([torch.ones(576)], r"additions\[0\] is tensor"),
    ],
)
def test_what_is_no_list_of_additions_is_refused(
    additions: Any, message: str, embedded_model: TransformerBridge
) -> None:
    with pytest.raises(ModelError, match=f"(?s){message}"):
        resolve(embedded_model, additions)


def test_a_model_that_is_no_bridge_is_refused(embedded_model: TransformerBridge) -> None:
    plain: Any = plain_model(embedded_model)

    with pytest.raises(ModelError, match="model is a LlamaForCausalLM; valid: a TransformerBridge"):
        resolve(plain, [])


def test_a_direction_at_bos_alone_warns(embedded_model: TransformerBridge) -> None:
    with pytest.warns(BosOnlyWarning, match=r"^additions\[0\] is one activation at the front"):
        resolve(embedded_model, [ActivationAddition(1, 6, "Love", read="last")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resolve(embedded_model, [ActivationAddition(1, 6, "Love", read="last", position=(0,))])
        resolve(embedded_model, [ActivationAddition(1, 6, "Love")])


def test_numpys_integers_are_layers_and_dimensions() -> None:
    layer, stop = list[Any](np.arange(1, 3))

    made = XVector("Love", "Hate", coeff=1, at=layer, dims=(0, stop))

    assert made == XVector("Love", "Hate", coeff=1, at=1, dims=(0, 2))
    assert type(made.at) is int
