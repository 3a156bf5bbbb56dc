"""Measure generation against the seed system's own flow, in one run, on the embedded model.

The seed generates arm by arm and prompt by prompt, with the hooks on the model at every token. Run on an idle
machine: ``python tests/benchmarks/generate.py``; it takes some two minutes.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.steering.additions import SteeringVector, resolve
from rater.steering.bridge import load_model, tokenize
from rater.steering.rows import Row, completion_seed
from rater.steering.sampler import generate
from rater.study.arms import Steered
from rater.study.load import load_study
from rater.study.study import Sampling, Study

SAMPLING = Sampling(max_new_tokens=40, temperature=1, top_p=0.3, frequency_penalty=1)


class Speed(NamedTuple):
    """How fast tokens were made."""

    n_tokens: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Tokens per second."""
        return self.n_tokens / self.seconds

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.per_second:6.1f} tokens/s ({self.n_tokens} tokens in {self.seconds:.1f} s)"


def seed_flow(
    model: TransformerBridge,
    arms: Sequence[tuple[SteeringVector, ...]],
    prompts: Sequence[str],
    n_samples: int,
    sampling: Sampling,
) -> Speed:
    """Generate as the seed system does: one call for each arm and prompt, hooks on throughout."""
    n_tokens, start = 0, time.perf_counter()
    for vectors in arms:
        for prompt in prompts:
            tokens = torch.tensor([tokenize(model, prompt)] * n_samples)
            with model.hooks(fwd_hooks=[(each.hook_point, _front_hook(each)) for each in vectors]):
                made: Any = model.generate(
                    tokens,
                    max_new_tokens=sampling.max_new_tokens,
                    temperature=sampling.temperature,
                    top_p=sampling.top_p,
                    freq_penalty=sampling.frequency_penalty,
                    verbose=False,
                )
            n_tokens += _count(made[:, tokens.shape[1] :], int(model.tokenizer.eos_token_id))
    return Speed(n_tokens, time.perf_counter() - start)


def our_flow(
    model: TransformerBridge,
    arms: Sequence[tuple[SteeringVector, ...]],
    prompts: Sequence[str],
    n_samples: int,
    sampling: Sampling,
) -> Speed:
    """Generate the same as rows of one run."""
    rows = [
        Row((arm, prompt, sample), prompt, vectors, completion_seed(0, prompt, sample))
        for arm, vectors in enumerate(arms)
        for prompt in prompts
        for sample in range(n_samples)
    ]
    start = time.perf_counter()
    n_tokens = sum(len(completion.token_ids) for completion in generate(model, rows, sampling))
    return Speed(n_tokens, time.perf_counter() - start)


def compare(
    title: str,
    model: TransformerBridge,
    arms: Sequence[tuple[SteeringVector, ...]],
    prompts: Sequence[str],
    n_samples: int,
    sampling: Sampling,
) -> None:
    """Print both speeds and their ratio."""
    theirs = seed_flow(model, arms, prompts, n_samples, sampling)
    ours = our_flow(model, arms, prompts, n_samples, sampling)
    print(f"{title}\n  seed's flow {theirs}\n  ours        {ours}")
    print(f"  ratio       {ours.per_second / theirs.per_second:6.1f}")


def _front_hook(vector: SteeringVector) -> Callable[..., Tensor]:
    def add(activations: Tensor, hook: object) -> Tensor:
        if activations.shape[1] > 1:  # the seed leaves cached steps alone
            activations[:, : len(vector)] += vector.activations
        return activations

    return add


def _count(made: Tensor, eos: int) -> int:
    """Count the tokens up to and with the first EOS; finished rows are filled up with it."""
    ended = (made == eos).cumsum(-1)
    return int(((ended == 0) | ((made == eos) & (ended == 1))).sum())


def _arms_of(model: TransformerBridge, study: Study) -> list[tuple[SteeringVector, ...]]:
    return [resolve(model, arm.additions) if isinstance(arm, Steered) else () for arm in study.arms]


def main() -> None:
    """Print the demo study's speed, and the ratios to the seed's flow."""
    start = time.perf_counter()
    model = load_model("smollm2-135m-instruct", device="cpu")
    print(f"load_model {time.perf_counter() - start:.1f} s; {torch.get_num_threads()} threads")
    study = load_study(Path(__file__).parents[2] / "experiments" / "love_vs_hate.py")
    arms = _arms_of(model, study)
    compare("one prompt, 30 + 30 completions", model, arms, study.prompts[:1], 30, SAMPLING)
    compare("the demo study", model, arms, study.prompts, study.sampling.samples_per_prompt, study.sampling)


if __name__ == "__main__":
    main()
