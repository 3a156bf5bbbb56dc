"""Measure generation against llm-steering's own flow and against the bare matrix products, in one run.

    python tests/benchmarks/generate.py            # some ten minutes on two idle cores
    python tests/benchmarks/generate.py --quick    # two minutes: fewer tokens, prompts and repetitions
    python tests/benchmarks/generate.py --vllm .venv-vllm/bin/python    # then both engines, see engines.py

llm-steering generates arm by arm and prompt by prompt, with the hooks on the model at every token. The bare
matrix products are all linear layers of the model, the output layer with them, at one token for each of 60
rows: what no generator that computes in PyTorch's usual way can beat. Flows take turns in each repetition,
and ratios are medians over repetitions, since other work on the machine slows both sides.
"""

import argparse
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge

from rater.embedded_model import EMBEDDED_MODEL
from rater.steering.additions import resolve
from rater.steering.batch import Row, completion_seed
from rater.steering.bridge import load_model, plain_model, tokenize
from rater.steering.sampler import generate
from rater.study.arms import Sampling, XVector

PROMPTS = (
    "I hate you because",
    "I think you're",
    "I went up to my friend and said",
    "Barack Obama was born in",
    "The rock hurtled toward the window and",
    "To see the Eiffel Tower, people flock to",
    "Frozen starts off with a scene about",
    "Yesterday, my dog died. Today, I'm feeling",
)
LOVE = XVector("Love", "Hate", coeff=5, at=6, pad="space")
N_ROWS = 60


class Speed(NamedTuple):
    """Number of generated tokens, and the time."""

    n_tokens: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Tokens per second."""
        return self.n_tokens / self.seconds


class Job(NamedTuple):
    """Completions to generate in both flows: ``n_samples`` of each prompt, unsteered and steered."""

    prompts: Sequence[str]
    n_samples: int
    sampling: Sampling


def seed_flow(model: TransformerBridge, job: Job) -> Speed:
    """Generate as llm-steering does: one call for each arm and prompt, hooks on throughout.

    Its pass over the finished texts, for their loss, is left out.
    """
    n_tokens, start = 0, time.perf_counter()
    for additions in ((), (LOVE,)):
        hooks = [_front_hook(each.hook_point, each.activations) for each in resolve(model, additions)]
        for prompt in job.prompts:
            tokens = torch.tensor([tokenize(model, prompt)] * job.n_samples)
            with model.hooks(fwd_hooks=hooks):
                made: Any = model.generate(
                    tokens,
                    max_new_tokens=job.sampling.max_new_tokens,
                    temperature=job.sampling.temperature,
                    top_p=job.sampling.top_p,
                    freq_penalty=job.sampling.frequency_penalty,
                    verbose=False,
                )
            n_tokens += _count(made[:, tokens.shape[1] :], int(model.tokenizer.eos_token_id))
    return Speed(n_tokens, time.perf_counter() - start)


def our_flow(model: TransformerBridge, job: Job) -> Speed:
    """Generate the same as rows of one run."""
    start = time.perf_counter()
    rows = [
        Row((bool(vectors), prompt, sample), prompt, vectors, completion_seed(0, prompt, sample))
        for vectors in ((), resolve(model, (LOVE,)))
        for prompt in job.prompts
        for sample in range(job.n_samples)
    ]
    n_tokens = sum(len(completion.token_ids) for completion in generate(model, rows, job.sampling))
    return Speed(n_tokens, time.perf_counter() - start)


@torch.inference_mode()
def bare_products(model: TransformerBridge, n_steps: int) -> Speed:
    """Run the linear layers alone, as PyTorch does by itself, on one token for each row."""
    layers = [module for module in plain_model(model).modules() if isinstance(module, nn.Linear)]
    inputs = {layer.in_features: torch.randn(N_ROWS, 1, layer.in_features) for layer in layers}
    start = time.perf_counter()
    for _ in range(n_steps):
        for layer in layers:
            layer(inputs[layer.in_features])
    return Speed(N_ROWS * n_steps, time.perf_counter() - start)


def _front_hook(hook_point: str, activations: Tensor) -> tuple[str, Callable[..., Tensor]]:
    def add(residual: Tensor, hook: object) -> Tensor:
        if residual.shape[1] > 1:  # the seed leaves cached steps alone
            residual[:, : len(activations)] += activations
        return residual

    return hook_point, add


def _count(made: Tensor, eos: int) -> int:
    """Count the tokens up to and with the first EOS; finished rows are filled up with it."""
    ended = (made == eos).cumsum(-1)
    return int(((ended == 0) | ((made == eos) & (ended == 1))).sum())


def _load() -> str:
    # The machine's load is not to be had everywhere.
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _print_ratio(name: str, pairs: Sequence[tuple[Speed, Speed]], wanted: float) -> None:
    """Print the medians of both flows, ours second, and the median of their ratios."""
    theirs, ours = (statistics.median(pair[side].per_second for pair in pairs) for side in (0, 1))
    ratios = [mine.per_second / other.per_second for other, mine in pairs]
    spread = f"{min(ratios):.2f}–{max(ratios):.2f}"
    print(
        f"{name:<40} {theirs:6.1f} {ours:6.1f}  {statistics.median(ratios):5.2f} ({spread}; wanted {wanted})"
    )


def main() -> None:
    """Print the three ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer tokens, prompts and repetitions")
    parser.add_argument("--repetitions", type=int, help="how often each flow has its turn (3, or 1 if quick)")
    parser.add_argument("--vllm", metavar="PYTHON", help="also measure both engines with this interpreter")
    given = parser.parse_args()
    n_new, n_prompts = (10, 2) if given.quick else (40, len(PROMPTS))
    sampling = Sampling(max_new_tokens=n_new, temperature=1, top_p=0.3, frequency_penalty=1)
    one, study = Job(PROMPTS[:1], 30, sampling), Job(PROMPTS[:n_prompts], 15, sampling)
    model = load_model(EMBEDDED_MODEL, device="cpu", dtype=torch.float32)
    our_flow(model, Job(PROMPTS[:1], 2, sampling))  # first calls are slow
    print(f"{torch.get_num_threads()} threads, {n_new} new tokens; load {_load()} before", flush=True)

    against_seed, against_bare, of_study = [], [], []
    for _ in range(given.repetitions or (1 if given.quick else 3)):
        bare, ours, theirs = bare_products(model, n_new), our_flow(model, one), seed_flow(model, one)
        against_bare.append((bare, ours))
        against_seed.append((theirs, ours))
        of_study.append((seed_flow(model, study), our_flow(model, study)))

    print(f"load {_load()} after\n{'tokens/s, medians':<40} theirs   ours  ratio")
    _print_ratio("seed's flow, 1 prompt, 30 + 30", against_seed, 3.5)
    _print_ratio(f"seed's flow, {n_prompts} prompts × 15 × 2 arms", of_study, 6)
    _print_ratio(f"bare matrix products, {N_ROWS} rows", against_bare, 0.8)
    if given.vllm:
        engines = Path(__file__).with_name("engines.py")
        subprocess.run([given.vllm, engines, "--tokens", str(n_new)], check=True)


if __name__ == "__main__":
    main()
