from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (the name PyTorch's own documentation uses)
from torch import nn
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering import likelihood
from rater.steering.additions import resolve
from rater.steering.batch import Completion
from rater.steering.bridge import plain_model, tokenize
from rater.steering.likelihood import choice_logprobs, completion_nlls, text_nll, unsteered_nlls
from rater.steering.prefill import next_token_logprobs, run_rows
from rater.study.arms import XVector

pytestmark = pytest.mark.model

PROMPT = "I hate you because"
LOVE = XVector("Love", "Hate", coeff=5, at=6)


def test_one_token_costs_what_it_was_unlikely(embedded_model: TransformerBridge) -> None:
    vectors = resolve(embedded_model, [LOVE])
    logprobs = next_token_logprobs(embedded_model, PROMPT, [LOVE])

    [nll] = completion_nlls(embedded_model, [(PROMPT, [346])], vectors)

    assert nll == pytest.approx(-logprobs[346].item(), abs=1e-4)


@pytest.mark.parametrize("steered", [True, False])
def test_completions_of_all_lengths_are_measured_together_as_alone(
    steered: bool,  # noqa: FBT001 (pytest gives it by name)
    embedded_model: TransformerBridge,
) -> None:
    texts = [(PROMPT, " you are"), ("Oh, my friend said", " hello to all of us"), (PROMPT, " I")] * 4
    completions = [(prompt, tokenize(embedded_model, text)[1:]) for prompt, text in texts]
    vectors = resolve(embedded_model, [LOVE]) if steered else ()

    together = completion_nlls(embedded_model, completions, vectors)

    alone = [text_nll(embedded_model, prompt, text, vectors) for prompt, text in texts[:3]]
    assert together == pytest.approx(alone * 4, abs=1e-4)


def test_the_unsteered_model_measures_as_the_bridge_does(embedded_model: TransformerBridge) -> None:
    prompt, new = tokenize(embedded_model, PROMPT), [346, 359, 253, 1165]
    [logits] = run_rows(embedded_model, [prompt + new], [()], n_last=5)

    [nll] = completion_nlls(embedded_model, [(PROMPT, new)])

    assert nll == pytest.approx(F.cross_entropy(logits[:-1], torch.tensor(new)).item(), abs=1e-5)


def test_the_memory_for_logits_limits_how_many_are_measured_together(
    embedded_model: TransformerBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    completions = [(PROMPT, [346] * n) for n in (1, 5, 2, 5, 1)]
    expected = completion_nlls(embedded_model, completions)
    n_rows: list[int] = []

    def count(module: nn.Module, args: tuple[()], kwargs: dict[str, torch.Tensor]) -> None:
        n_rows.append(len(kwargs["input_ids"]))

    # room for two of five tokens, where the real room would need a hundred completions
    monkeypatch.setattr(likelihood, "_MAX_LOGITS", 12 * 49_152)
    with plain_model(embedded_model).register_forward_pre_hook(count, with_kwargs=True):
        nlls = completion_nlls(embedded_model, completions)

    assert n_rows == [2, 3]
    assert nlls == pytest.approx(expected, abs=1e-5)


def test_padding_is_never_where_it_could_attend_to_nothing(embedded_model: TransformerBridge) -> None:
    """CUDA's kernels may give NaN for a token that attends to nothing, which then spreads."""
    texts = [(PROMPT, [346]), ("Oh", [346, 359, 253]), ("When I woke up this morning, I", [346, 359])]
    given: list[dict[str, torch.Tensor]] = []

    def note(module: nn.Module, args: tuple[()], kwargs: dict[str, torch.Tensor]) -> None:
        given.append(kwargs)

    with plain_model(embedded_model).register_forward_pre_hook(note, with_kwargs=True):
        together = completion_nlls(embedded_model, texts)

    assert [each["input_ids"][:, 0].tolist() for each in given] == [[1, 1, 1]]
    assert "attention_mask" not in given[0]
    assert together == pytest.approx([completion_nlls(embedded_model, [text])[0] for text in texts], abs=1e-5)


def test_what_was_noted_is_taken_only_for_the_prompt_that_it_follows(
    embedded_model: TransformerBridge,
) -> None:
    noted = Completion("key", PROMPT, (346, 359), " you are", "length", nll=7.5)
    bare = replace(noted, nll=None)

    nlls = unsteered_nlls(embedded_model, [noted, noted, bare], [PROMPT, "Oh", PROMPT])

    assert nlls[0] == 7.5
    assert nlls[1:] == pytest.approx(
        completion_nlls(embedded_model, [("Oh", [346, 359]), (PROMPT, [346, 359])]), abs=1e-5
    )


def test_a_text_without_a_prompt_is_predicted_from_bos_on(embedded_model: TransformerBridge) -> None:
    text = "I'm excited because I'm going to a wedding this weekend."
    ids = torch.tensor([tokenize(embedded_model, text)])
    with torch.no_grad():
        expected = embedded_model(ids, return_type="loss").item()

    assert text_nll(embedded_model, "", text) == pytest.approx(expected, abs=1e-4)
    with pytest.raises(ModelError, match="has no tokens"):
        text_nll(embedded_model, "", "")


def test_text_is_likelier_than_noise(embedded_model: TransformerBridge) -> None:
    assert text_nll(embedded_model, PROMPT, " you are mean.") < text_nll(
        embedded_model, PROMPT, " xq zzv ~~ 9"
    )


def test_what_cannot_be_measured_is_refused(embedded_model: TransformerBridge) -> None:
    with pytest.raises(ModelError, match="has no tokens, so it has no likelihood"):
        completion_nlls(embedded_model, [(PROMPT, [])])
    with pytest.raises(ModelError, match=r"'Oh'\) is 2 tokens long with BOS"):
        completion_nlls(embedded_model, [("Oh", [5])], resolve(embedded_model, [LOVE]))
    with pytest.raises(ModelError, match="but the context of"):
        completion_nlls(embedded_model, [(PROMPT, torch.ones(9000, dtype=torch.long).tolist())])


def test_where_memory_runs_out_fewer_are_measured_together(embedded_model: TransformerBridge) -> None:
    completions = [(PROMPT, [346, 359, number]) for number in range(50, 61)]
    expected = completion_nlls(embedded_model, completions)

    n_rows: list[int] = []

    def fail(module: nn.Module, args: tuple[()], kwargs: dict[str, torch.Tensor]) -> None:
        n_rows.append(len(kwargs["input_ids"]))
        if len(kwargs["input_ids"]) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    with plain_model(embedded_model).register_forward_pre_hook(fail, with_kwargs=True):
        nlls = completion_nlls(embedded_model, completions)

    assert n_rows == [11, 5, 2, 2, 2, 2, 2, 1]
    assert nlls == pytest.approx(expected, abs=1e-4)


def test_a_choice_is_as_likely_as_its_tokens_together(embedded_model: TransformerBridge) -> None:
    choices = [" Paris", " Rome", " a big city"]

    for additions in ([], [LOVE]):
        found = choice_logprobs(embedded_model, "The capital of France is", choices, additions)

        lengths = [len(tokenize(embedded_model, choice)) - 1 for choice in choices]
        nlls = [text_nll(embedded_model, "The capital of France is", each, additions) for each in choices]
        by_hand = [-nll * length for nll, length in zip(nlls, lengths, strict=True)]
        assert found == pytest.approx(by_hand, abs=1e-3)
    assert max(choice_logprobs(embedded_model, "The capital of France is", choices)) == pytest.approx(
        float(next_token_logprobs(embedded_model, "The capital of France is").max()), abs=1e-3
    )


@pytest.mark.parametrize("choices", [[" a"], [], [" a", " a"], " ab"])
def test_choices_are_two_different_texts_or_more(
    choices: list[str], embedded_model: TransformerBridge
) -> None:
    with pytest.raises(ModelError, match="two different texts or more"):
        choice_logprobs(embedded_model, "Is it", choices)
