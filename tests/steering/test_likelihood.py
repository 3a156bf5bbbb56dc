import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import resolve
from rater.steering.bridge import tokenize
from rater.steering.likelihood import completion_nlls, text_nll
from rater.steering.prefill import next_token_logprobs
from rater.study.arms import XVector

pytestmark = pytest.mark.model

PROMPT = "I hate you because"
LOVE = XVector("Love", "Hate", coeff=5, at=6)


def test_one_token_costs_what_it_was_unlikely(embedded_model: TransformerBridge) -> None:
    vectors = resolve(embedded_model, [LOVE])
    logprobs = next_token_logprobs(embedded_model, PROMPT, [LOVE])

    [nll] = completion_nlls(embedded_model, [(PROMPT, [346])], vectors)

    assert nll == pytest.approx(-logprobs[346].item(), abs=1e-4)


def test_completions_of_all_lengths_are_measured_together_as_alone(embedded_model: TransformerBridge) -> None:
    texts = [(PROMPT, " you are"), ("Oh, my friend said", " hello to all of us"), (PROMPT, " I")] * 4
    completions = [(prompt, tokenize(embedded_model, text)[1:]) for prompt, text in texts]
    vectors = resolve(embedded_model, [LOVE])

    together = completion_nlls(embedded_model, completions, vectors)

    alone = [text_nll(embedded_model, prompt, text, vectors) for prompt, text in texts[:3]]
    assert together == pytest.approx(alone * 4, abs=1e-4)


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
