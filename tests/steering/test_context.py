from typing import Any

import pytest
import torch
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering import completions
from rater.steering.additions import resolve
from rater.steering.batch import Row
from rater.steering.bridge import plain_model, tokenize
from rater.steering.completions import Draws
from rater.steering.context import steer
from rater.steering.likelihood import text_nll
from rater.steering.positions import Touch
from rater.steering.prefill import next_token_logprobs
from rater.steering.sampler import generate
from rater.steering.vectors import SteeringVector
from rater.study.additions import AnyAddition, Position, When
from rater.study.arms import ActivationAddition, Sampling, XVector

pytestmark = pytest.mark.model


SHORT, LONG = "I hate you because", "When I woke up this morning and looked out of the window, I saw that"


AT = "blocks.6.hook_resid_pre"


LOVE = XVector("Love", "Hate", coeff=5, at=6)


N_SHORT = 5


def direction(position: Position = "front", when: When = "prompt") -> SteeringVector:
    numbers = torch.randn(1, 576, generator=torch.Generator().manual_seed(1))
    return SteeringVector(AT, 10 * numbers, position, when)


def run(model: TransformerBridge, tokens: list[int], additions: list[AnyAddition | SteeringVector]) -> Tensor:
    with torch.no_grad(), steer(model, additions):
        logits: Tensor = model(torch.tensor([tokens]))
    return logits[0]


def positions(touched: list[Touch], row: int = 0) -> list[int]:
    return [position for at_row, position, _ in touched if at_row == row]


def test_a_pass_inside_is_steered_and_one_outside_is_not(embedded_model: TransformerBridge) -> None:
    tokens = tokenize(embedded_model, SHORT)

    inside = run(embedded_model, tokens, [LOVE])[-1].log_softmax(-1)
    with torch.no_grad():
        outside = embedded_model(torch.tensor([tokens]))[0, -1].log_softmax(-1)

    expected = next_token_logprobs(embedded_model, SHORT, [LOVE])
    assert (inside - expected).abs().max().item() < 1e-3
    unsteered = next_token_logprobs(embedded_model, SHORT)
    assert (outside - unsteered).abs().max().item() < 1e-3
    assert (inside - outside).abs().max().item() > 0.5


@pytest.mark.parametrize("position", ["front", "mid", "back", (1, -1)])
def test_generating_in_it_gives_the_samplers_completions(
    position: Position, embedded_model: TransformerBridge
) -> None:
    added = [direction(position)]
    row = Row(0, SHORT, resolve(embedded_model, added), seed=0)
    [expected] = generate(embedded_model, [row], Sampling(max_new_tokens=8, temperature=0))

    with steer(embedded_model, added):
        made: Any = embedded_model.generate(
            torch.tensor([tokenize(embedded_model, SHORT)]),
            max_new_tokens=8,
            do_sample=False,
            verbose=False,
        )

    assert made[0, N_SHORT:].tolist() == list(expected.token_ids)


# https://github.com/steering-vectors/steering-vectors/issues/60: named tokens were counted anew in each
# cached step.
def test_named_tokens_are_counted_from_bos_through_cached_steps(embedded_model: TransformerBridge) -> None:
    with steer(embedded_model, [direction((2, 4))], trace=True) as steering:
        embedded_model.generate(SHORT, max_new_tokens=4, do_sample=False, verbose=False)

    assert positions(steering.touched) == [2, 4]


# https://github.com/ggml-org/llama.cpp/pull/8060: control vectors were accepted for architectures in whose
# graph nothing applied them. The plain model shares the weights, but not the hook points.
def test_an_addition_that_is_never_applied_is_an_error(embedded_model: TransformerBridge) -> None:
    tokens = torch.tensor([tokenize(embedded_model, SHORT)])

    with (
        pytest.raises(ModelError, match=r"'blocks\.6\.hook_resid_pre' \(when='prompt'\) touched no token"),
        steer(embedded_model, [LOVE]),
    ):
        plain_model(embedded_model)(tokens)


def test_an_addition_at_a_hook_point_that_is_switched_off_is_an_error(
    embedded_model: TransformerBridge,
) -> None:
    gated = SteeringVector("blocks.6.hook_mlp_in", torch.ones(1, 576))

    with (
        pytest.raises(ModelError, match=r"hook_mlp_in' of .* cannot be used"),
        steer(embedded_model, [gated]),
    ):
        pass


def test_a_prompt_of_one_token_is_steered(embedded_model: TransformerBridge) -> None:
    # llm-steering takes every pass of one token for a cached step, and does not steer it.
    bos = tokenize(embedded_model, "")

    with torch.no_grad(), steer(embedded_model, [direction()], trace=True) as steering:
        steered = embedded_model(torch.tensor([bos]))

    assert positions(steering.touched) == [0]
    with torch.no_grad():
        assert (steered - embedded_model(torch.tensor([bos]))).abs().max().item() > 0.1


def test_generated_tokens_alone_are_steered_from_the_first_on(embedded_model: TransformerBridge) -> None:
    with steer(embedded_model, [direction(when="generated")], trace=True) as steering:
        embedded_model.generate(SHORT, max_new_tokens=4, do_sample=False, verbose=False)

    # The fourth is drawn, but not run through the model.
    assert positions(steering.touched) == [5, 6, 7]


@pytest.mark.parametrize("when", ["generated", "all"])
def test_cached_steps_give_what_one_pass_over_everything_gives(
    when: When, embedded_model: TransformerBridge
) -> None:
    tokens = torch.tensor([tokenize(embedded_model, LONG)])

    with torch.no_grad(), steer(embedded_model, [direction(when=when)], prompt_lengths=N_SHORT):
        at_once = embedded_model(tokens)[0, -1]
    with torch.no_grad(), steer(embedded_model, [direction(when=when)]):
        _, cache = embedded_model(tokens[:, :N_SHORT], return_type="logits_and_cache", use_cache=True)
        for column in range(N_SHORT, tokens.shape[1]):
            step = tokens[:, column : column + 1]
            logits, cache = embedded_model(step, return_type="logits_and_cache", past_key_values=cache)

    assert (at_once - logits[0, -1]).abs().max().item() < 2e-3
    with torch.no_grad():
        assert (at_once - embedded_model(tokens)[0, -1]).abs().max().item() > 0.1


def test_transformers_own_generation_is_steered_too(embedded_model: TransformerBridge) -> None:
    with steer(
        embedded_model, [direction("back", "prompt"), direction(when="generated")], trace=True
    ) as seen:
        embedded_model.hf_generate(SHORT, max_new_tokens=3, do_sample=False)

    assert positions(seen.touched) == [4, 5, 6]


def test_no_hook_stays_after_an_error_inside(embedded_model: TransformerBridge) -> None:
    tokens = torch.tensor([tokenize(embedded_model, SHORT)])
    with torch.no_grad():
        before = embedded_model(tokens)

    with pytest.raises(ZeroDivisionError), steer(embedded_model, [LOVE]):
        _ = 1 / 0

    with torch.no_grad():
        assert torch.equal(embedded_model(tokens), before)


@pytest.mark.parametrize(
    ("steering", "prompts", "message"),
    [
        (direction("back"), [SHORT, LONG], r"row 0 ends with \d+ tokens 2, which may be padding or its own"),
        (direction(when="all"), [SHORT, LONG], "give an attention mask"),
        (
            LOVE,
            ["Oh", "Oh"],
            "The prompt in row 0 is 2 tokens long with BOS, but an addition made to it is 3",
        ),
        (
            LOVE,
            ["Oh", LONG],
            "The prompt in row 0 is 2 tokens long with BOS, but an addition made to it is 3",
        ),
        (direction((7,)), SHORT, "is made to it at position 7; valid: different positions from 0 to 4"),
        (direction(when="generated"), SHORT, r"\(when='generated'\) touched no token"),
    ],
)
def test_a_pass_that_cannot_be_steered_rightly_is_refused(
    steering: AnyAddition | SteeringVector,
    prompts: str | list[str],
    message: str,
    embedded_model: TransformerBridge,
) -> None:
    with pytest.raises(ModelError, match=message), torch.no_grad(), steer(embedded_model, [steering]):
        embedded_model(prompts)


def test_embeddings_are_refused(embedded_model: TransformerBridge) -> None:
    with (
        pytest.raises(ModelError, match="is given no token ids"),
        torch.no_grad(),
        steer(embedded_model, [LOVE]),
    ):
        embedded_model(torch.zeros(1, 5, 576))


def test_a_cache_of_unknown_tokens_needs_a_mask_and_the_prompts_end(
    embedded_model: TransformerBridge,
) -> None:
    tokens = torch.tensor([tokenize(embedded_model, SHORT)])
    with torch.no_grad():
        _, cache = embedded_model(tokens, return_type="logits_and_cache", use_cache=True)
    step, mask = torch.tensor([[339]]), torch.ones(1, N_SHORT + 1)

    with (
        pytest.raises(ModelError, match="5 cached tokens that were not seen here"),
        steer(embedded_model, [LOVE]),
    ):
        embedded_model(step, past_key_values=cache)
    with (
        pytest.raises(ModelError, match="its prompt was not seen here"),
        steer(embedded_model, [direction(when="generated")]),
    ):
        embedded_model(step, past_key_values=cache, attention_mask=mask)
    with (
        torch.no_grad(),
        steer(embedded_model, [direction(when="generated")], prompt_lengths=[5], trace=True) as steering,
    ):
        embedded_model(step, past_key_values=cache, attention_mask=mask)

    assert positions(steering.touched) == [5]


def test_what_is_read_inside_is_not_steered(embedded_model: TransformerBridge) -> None:
    # Else a block inside another would add, and `relative` measure, what the outer one had changed.
    after = SteeringVector("blocks.5.hook_resid_pre", 100 * torch.ones(1, 576), when="all")
    expected = resolve(embedded_model, [XVector("Love", "Hate", coeff=5, at=7)])
    tokens = torch.tensor([tokenize(embedded_model, SHORT)])

    with (
        torch.no_grad(),
        steer(embedded_model, [after]) as outer,
        steer(embedded_model, [XVector("Love", "Hate", coeff=5, at=7)]) as inner,
    ):
        nested = embedded_model(tokens)
    with torch.no_grad(), steer(embedded_model, [*outer.vectors, *expected]):
        together = embedded_model(tokens)

    assert inner.vectors == expected
    assert torch.equal(nested, together)


def test_what_runs_the_plain_model_too_is_refused_inside(embedded_model: TransformerBridge) -> None:
    with (
        pytest.raises(ModelError, match="generate was requested inside a steer block"),
        steer(embedded_model, [LOVE]),
    ):
        completions.generate(embedded_model, SHORT, {"unsteered": ()}, Draws(max_new_tokens=2))
    with (
        pytest.raises(ModelError, match="The likelihood of a text was requested inside a steer block"),
        steer(embedded_model, [LOVE]),
    ):
        text_nll(embedded_model, SHORT, " you")

    assert text_nll(embedded_model, SHORT, " you") > 0


def test_a_pass_that_ends_behind_its_additions_counts(embedded_model: TransformerBridge) -> None:
    with torch.no_grad(), steer(embedded_model, [LOVE], trace=True) as steering:
        embedded_model(torch.tensor([tokenize(embedded_model, SHORT)]), stop_at_layer=8)

    assert positions(steering.touched) == [0, 1, 2]


@pytest.mark.parametrize("when", ["prompt", "all"])
def test_between_attention_and_mlp_the_residual_stream_itself_is_changed(
    when: When, embedded_model: TransformerBridge
) -> None:
    # A bridge's hook point there is the MLP's copy of it.
    tokens = torch.tensor([tokenize(embedded_model, SHORT)])
    added = 10 * torch.randn(1, 576, generator=torch.Generator().manual_seed(1))
    columns = [0] if when == "prompt" else list(range(N_SHORT))

    def add(module: object, given: object, output: Any) -> Any:
        output[0][:, columns] += added
        return output

    plain: Any = plain_model(embedded_model)
    hook = plain.model.layers[6].self_attn.register_forward_hook(add)
    with torch.no_grad():
        expected = plain(tokens).logits
    hook.remove()
    middle = SteeringVector("blocks.6.hook_resid_mid", added, when=when)
    with torch.no_grad(), steer(embedded_model, [middle]):
        steered = embedded_model(tokens)

    assert (steered - expected).abs().max().item() < 1e-3


# https://github.com/TransformerLensOrg/TransformerLens/issues/1005: a prompt that is padded on the left in a
# batch was continued as if its padding were text; additions "at the front" then fall on the padding.
@pytest.mark.parametrize("position", ["front", "back"])
def test_a_padded_prompt_is_steered_as_it_is_alone(
    position: Position, embedded_model: TransformerBridge
) -> None:
    options: dict[str, Any] = {"max_new_tokens": 6, "do_sample": False, "verbose": False}

    with steer(embedded_model, [direction(position)], trace=True) as steering:
        together: Any = embedded_model.generate([SHORT, LONG], **options)
    with steer(embedded_model, [direction(position)]):
        alone = [embedded_model.generate(prompt, **options) for prompt in (SHORT, LONG)]

    assert together == alone
    n_long = len(tokenize(embedded_model, LONG))
    expected = ([0], [0]) if position == "front" else ([N_SHORT - 1], [n_long - 1])
    assert (positions(steering.touched, 0), positions(steering.touched, 1)) == expected


def test_padding_on_the_right_is_not_touched(embedded_model: TransformerBridge) -> None:
    # Without a mask, "front" needs no end of a row to be known.
    with torch.no_grad(), steer(embedded_model, [LOVE], trace=True) as steering:
        embedded_model([SHORT, LONG])

    assert positions(steering.touched, 0) == positions(steering.touched, 1) == [0, 1, 2]


def test_tokens_without_bos_are_refused(embedded_model: TransformerBridge) -> None:
    with pytest.raises(
        ModelError, match=r"row 0 begins with token 57, but positions are counted from BOS \(1"
    ):
        run(embedded_model, tokenize(embedded_model, SHORT)[1:], [LOVE])


def test_a_sequence_that_grows_without_a_cache_is_refused_where_its_prompt_matters(
    embedded_model: TransformerBridge,
) -> None:
    # llm-steering's "back" slides over the completion here.
    options: dict[str, Any] = {
        "max_new_tokens": 3,
        "do_sample": False,
        "verbose": False,
        "use_past_kv_cache": False,
    }

    with (
        pytest.raises(ModelError, match="may be a new prompt"),
        steer(embedded_model, [direction("back")]),
    ):
        embedded_model.generate(SHORT, **options)
    with steer(embedded_model, [direction("back")], prompt_lengths=N_SHORT, trace=True) as steering:
        embedded_model.generate(SHORT, **options)

    assert positions(steering.touched) == [4, 4, 4]


def test_prompt_lengths_are_one_for_each_row(embedded_model: TransformerBridge) -> None:
    with (
        pytest.raises(ModelError, match="it has 2 rows, but prompt_lengths 1"),
        torch.no_grad(),
        steer(embedded_model, [ActivationAddition(1, 6, "Love")], prompt_lengths=[3]),
    ):
        embedded_model([SHORT, SHORT])
