import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import resolve
from rater.steering.bridge import tokenize
from rater.steering.positions import decode_hooks
from rater.steering.prefill import check_fits, next_token_logprobs, prefill, real_columns, run_rows
from rater.study.arms import ActivationAddition, XVector

pytestmark = pytest.mark.model

LOVE = XVector("Love", "Hate", coeff=5, at=6)
PROMPT = "I hate you because"


def test_coefficient_0_is_the_unsteered_model(embedded_model: TransformerBridge) -> None:
    unsteered = next_token_logprobs(embedded_model, PROMPT)

    steered = next_token_logprobs(embedded_model, PROMPT, [XVector("Love", "Hate", coeff=0, at=6)])

    assert torch.equal(steered, unsteered)


def test_a_vector_of_coefficient_0_is_the_unsteered_model(embedded_model: TransformerBridge) -> None:
    unsteered = next_token_logprobs(embedded_model, PROMPT)

    steered = next_token_logprobs(embedded_model, PROMPT, [XVector("Love", "Hate", coeff=0, at=6)])

    assert torch.equal(steered, unsteered)


def test_log_probabilities_are_of_a_distribution(embedded_model: TransformerBridge) -> None:
    logprobs = next_token_logprobs(embedded_model, PROMPT, [LOVE])

    assert logprobs.shape == (49152,)
    assert logprobs.exp().sum().item() == pytest.approx(1, abs=1e-4)


def test_padding_and_neighbours_change_nothing(embedded_model: TransformerBridge) -> None:
    long = "When I woke up this morning and looked out of the window, I saw that"
    prompts = [tokenize(embedded_model, text) for text in (PROMPT, long, PROMPT)]
    vectors = [
        resolve(embedded_model, [LOVE]),
        resolve(embedded_model, [ActivationAddition(4, 9, "Joy")]),
        (),
    ]
    alone = [prefill(embedded_model, [prompts[i]], [vectors[i]]).logits[0].log_softmax(-1) for i in range(3)]

    together = prefill(embedded_model, prompts, vectors).logits.log_softmax(-1)

    assert (together - torch.stack(alone)).abs().max().item() < 1e-3
    # Steering is far larger than the tolerance, so a vector on the wrong row or position would be seen.
    assert (alone[0] - alone[2]).abs().max().item() > 0.5


def test_a_prompt_of_bos_alone_is_steered_too(embedded_model: TransformerBridge) -> None:
    vectors = resolve(embedded_model, [ActivationAddition(5, "blocks.6.hook_mlp_out", "")])
    bos = tokenize(embedded_model, "")

    logits = prefill(embedded_model, [bos, bos], [vectors, ()]).logits

    assert (logits[0] - logits[1]).abs().max().item() > 0.1


def test_decoding_with_its_hooks_gives_what_one_pass_over_everything_gives(
    embedded_model: TransformerBridge,
) -> None:
    lasting = resolve(embedded_model, [XVector("Love", "Hate", coeff=0.05, at=6, read="last", when="all")])
    late = resolve(embedded_model, [XVector("Love", "Hate", coeff=0.1, at=9, read="last", when="generated")])
    front = resolve(embedded_model, [LOVE])
    vectors = [lasting, late, front]
    prompts = [tokenize(embedded_model, text) for text in ("Oh my", PROMPT, PROMPT)]
    new = torch.tensor([[339], [346], [346]])
    rows = [[*prompt, *token] for prompt, token in zip(prompts, new.tolist(), strict=True)]
    lengths = [len(prompt) for prompt in prompts]

    made = prefill(embedded_model, prompts, vectors)
    real = real_columns([length + 1 for length in lengths], max(lengths) + 1, torch.device("cpu"))
    with torch.no_grad(), embedded_model.hooks(fwd_hooks=decode_hooks(vectors, torch.device("cpu"))):
        logits = embedded_model(
            new,
            attention_mask=real.long(),
            position_ids=torch.tensor(lengths)[:, None],
            past_key_values=made.cache,
        )

    whole = run_rows(embedded_model, rows, vectors, prompt_lengths=lengths)
    assert (logits - whole).abs().max().item() < 2e-3
    unsteered = run_rows(embedded_model, rows, [(), (), front], prompt_lengths=lengths)
    assert (whole - unsteered)[:2].abs().amax((1, 2)).min().item() > 0.05
    assert decode_hooks([front, ()], torch.device("cpu")) == []


def test_additions_to_generated_tokens_are_refused_where_none_are_generated(
    embedded_model: TransformerBridge,
) -> None:
    late = XVector("Love", "Hate", coeff=1, at=6, read="last", when="generated")

    with pytest.raises(ModelError, match="to generated tokens, but 0 are generated, so that it touches none"):
        next_token_logprobs(embedded_model, PROMPT, [late])


def test_no_hook_stays_on_the_model(embedded_model: TransformerBridge) -> None:
    before = next_token_logprobs(embedded_model, PROMPT)
    next_token_logprobs(embedded_model, PROMPT, [LOVE])

    assert torch.equal(next_token_logprobs(embedded_model, PROMPT), before)


def test_real_columns_are_the_last_ones_of_each_row() -> None:
    real = real_columns([1, 3], 3, torch.device("cpu"))

    assert real.tolist() == [[False, False, True], [True, True, True]]


def test_an_addition_longer_than_the_prompt_is_refused_with_both_lengths(
    embedded_model: TransformerBridge,
) -> None:
    long = ActivationAddition(1, 6, "I talk about weddings all the time")

    with pytest.raises(ModelError, match=r"\('Hello'\) is 2 tokens long with BOS, but .* is 8"):
        next_token_logprobs(embedded_model, "Hello", [long])


def test_a_prompt_beyond_the_context_is_refused(embedded_model: TransformerBridge) -> None:
    check_fits(embedded_model, PROMPT, max_new_tokens=8187)

    with pytest.raises(
        ModelError, match=r"prompts\[2\] is 5 tokens .* 8188 are to follow, but .* 8192 tokens"
    ):
        check_fits(embedded_model, PROMPT, max_new_tokens=8188, place="prompts[2]")


def test_an_empty_prompt_is_refused(embedded_model: TransformerBridge) -> None:
    with pytest.raises(ModelError, match="The prompt is empty"):
        next_token_logprobs(embedded_model, "")
