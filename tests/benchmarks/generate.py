"""Measure generation against its matrix products, llm-steering's flow and other engines.

    python tests/benchmarks/generate.py            # half an hour on two idle cores
    python tests/benchmarks/generate.py --quick    # five minutes: fewer tokens, prompts and repetitions
    python tests/benchmarks/generate.py --parts products --dtypes bfloat16
    python tests/benchmarks/generate.py --vllm .venv-vllm/bin/python --json speeds.json

- **products**: all linear layers of the model, the output layer with them, at one token for each row and with
  nothing between them. *Packed* are oneDNN's products with weights in its own layout, one for layers with the
  same input: what no generator on this CPU can beat. *Bare* are PyTorch's own.
- **llm-steering**: its flow generates arm by arm and prompt by prompt, with the hooks on the model at every
  token.
- **engines**: `transformers.generate` and, with ``--vllm``, vLLM and our engine on it; see `engines.py`.

Flows take turns in each repetition, and ratios are medians over repetitions, since other work on the machine
slows both sides.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
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
from rater.steering.cpu_decoding import supports_dtype
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
# Attributes under which transformers' modules hold layers that have the same input.
SIBLINGS = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
PARTS = ("products", "llm-steering", "engines")
# Our speed, as a multiple of the other's, that we want at least.
WANTED = {
    ("packed", "float32", 60): 0.85,
    ("packed", "float32", 240): 0.85,
    ("packed", "bfloat16", 240): 0.65,
    ("llm-steering", "float32", 240): 6,
    ("llm-steering", "bfloat16", 240): 12,
}


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

    @property
    def n_rows(self) -> int:
        """Number of completions."""
        return 2 * self.n_samples * len(self.prompts)


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
    """Generate the same as rows of one batch."""
    start = time.perf_counter()
    rows = [
        Row((bool(vectors), prompt, sample), prompt, vectors, completion_seed(0, prompt, sample))
        for vectors in ((), resolve(model, (LOVE,)))
        for prompt in job.prompts
        for sample in range(job.n_samples)
    ]
    made = generate(model, rows, job.sampling, batch_size=job.n_rows)
    n_tokens = sum(len(completion.token_ids) for completion in made)
    return Speed(n_tokens, time.perf_counter() - start)


class Products:
    """The linear layers of a model alone, on one token for each row."""

    def __init__(self, model: TransformerBridge) -> None:
        self._plain = plain_model(model)
        self._dtype = next(self._plain.parameters()).dtype
        self._packed = self._pack()

    @torch.inference_mode()
    def bare(self, n_rows: int, n_steps: int) -> Speed:
        """Run each layer as PyTorch does by itself."""
        layers = [module for module in self._plain.modules() if isinstance(module, nn.Linear)]
        inputs = self._inputs(n_rows)
        start = time.perf_counter()
        for _ in range(n_steps):
            for layer in layers:
                layer(inputs[layer.in_features])
        return Speed(n_rows * n_steps, time.perf_counter() - start)

    @torch.inference_mode()
    def packed(self, n_rows: int, n_steps: int) -> Speed:
        """Run oneDNN's products with packed weights, one for layers with the same input."""
        inputs = self._inputs(n_rows)
        start = time.perf_counter()
        for _ in range(n_steps):
            for d_in, weights in self._packed:
                torch.ops.mkldnn._linear_pointwise(inputs[d_in], weights, None, "none", [], "")  # noqa: SLF001 (PyTorch's compiler's own)
        return Speed(n_rows * n_steps, time.perf_counter() - start)

    def _pack(self) -> list[tuple[int, Tensor]]:
        joined, done = [], set()
        for parent in self._plain.modules():
            for names in SIBLINGS:
                layers: list[Any] = [getattr(parent, name, None) for name in names]
                if all(isinstance(layer, nn.Linear) for layer in layers):
                    joined.append(torch.cat([layer.weight for layer in layers]))
                    done |= set(layers)
            if isinstance(parent, nn.Linear) and parent not in done:
                joined.append(parent.weight.detach())
        reorder = torch.ops.mkldnn._reorder_linear_weight  # noqa: SLF001 (as above)
        return [(weight.shape[1], reorder(weight, 64)) for weight in joined]

    def _inputs(self, n_rows: int) -> dict[int, Tensor]:
        sizes = {d_in for d_in, _ in self._packed}
        return {size: torch.randn(n_rows, size, dtype=self._dtype) for size in sizes}


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


class Table:
    """Prints a line for each comparison, and keeps its numbers."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        print(f"{'tokens/s, medians':<34}{'rows':>5}{'theirs':>9}{'ours':>9}{'ratio':>7}", flush=True)

    def add(self, other: str, dtype: str, n_rows: int, pairs: Sequence[tuple[Speed, Speed]]) -> None:
        """Add the medians of both sides, ours second, and the median of their ratios."""
        theirs, ours = (statistics.median(pair[side].per_second for pair in pairs) for side in (0, 1))
        ratios = [mine.per_second / its.per_second for its, mine in pairs]
        ratio, wanted = statistics.median(ratios), WANTED.get((other, dtype, n_rows))
        spread = f"{min(ratios):.2f}–{max(ratios):.2f}" + (f"; wanted {wanted}" if wanted else "")
        print(
            f"{dtype + ', ' + other:<34}{n_rows:>5}{theirs:9.1f}{ours:9.1f}{ratio:7.2f} ({spread})",
            flush=True,
        )
        line = {"against": other, "dtype": dtype, "rows": n_rows, "theirs": theirs, "ours": ours}
        self.lines.append({**line, "ratio": ratio, "wanted": wanted})


def measure(dtype: str, jobs: Sequence[Job], given: argparse.Namespace, table: Table) -> None:
    """Measure one dtype in this process, if this processor has instructions for it."""
    if not supports_dtype(dtype):
        print(f"{dtype}: not measured, since this processor has no instructions for it", flush=True)
        return
    model = load_model(EMBEDDED_MODEL, device="cpu", dtype=getattr(torch, dtype))
    products = Products(model)
    our_flow(model, Job(PROMPTS[:1], 2, jobs[0].sampling))  # first calls are slow
    for job in jobs:
        n_rows, n_steps = job.n_rows, job.sampling.max_new_tokens
        pairs: dict[str, list[tuple[Speed, Speed]]] = {}
        for _ in range(given.repetitions):
            ours = our_flow(model, job)
            if "products" in given.parts:
                pairs.setdefault("packed", []).append((products.packed(n_rows, n_steps), ours))
                pairs.setdefault("bare", []).append((products.bare(n_rows, n_steps), ours))
            if "llm-steering" in given.parts:
                pairs.setdefault("llm-steering", []).append((seed_flow(model, job), ours))
        for other, measured in pairs.items():
            table.add(other, dtype, n_rows, measured)


def measure_engines(python: str, given: argparse.Namespace) -> list[dict[str, Any]]:
    """Run `engines.py` with an interpreter, print its table, and return its lines."""
    script = Path(__file__).with_name("engines.py")
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder, "lines.json")
        options = ["--tokens", str(given.tokens), "--json", str(lines), "--dtypes", *given.dtypes]
        subprocess.run([python, script, *options], check=False)  # a flow that failed has its line
        made: list[dict[str, Any]] = json.loads(lines.read_text(encoding="utf-8"))
    return made


def main() -> None:
    """Print the speeds and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer tokens, prompts and repetitions")
    parser.add_argument("--repetitions", type=int, help="how often each flow has its turn (3, or 1 if quick)")
    parser.add_argument("--tokens", type=int, help="new tokens of each row (40, or 10 if quick)")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--rows", nargs="+", type=int, default=[60, 240], choices=[60, 240])
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--vllm", metavar="PYTHON", help="measure vLLM, too, with this interpreter")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers to this file")
    given = parser.parse_args()
    given.repetitions = given.repetitions or (1 if given.quick else 3)
    given.tokens = given.tokens or (10 if given.quick else 40)
    sampling = Sampling(max_new_tokens=given.tokens, temperature=1, top_p=0.3, frequency_penalty=1)
    every = [Job(PROMPTS[:1], 30, sampling), Job(PROMPTS, 15, sampling)]
    jobs = [job for job in every if job.n_rows in given.rows]
    print(f"{torch.get_num_threads()} threads, {given.tokens} new tokens; load {_load()} before", flush=True)
    table, engines = Table(), []
    if {"products", "llm-steering"} & set(given.parts):
        for dtype in given.dtypes:
            measure(dtype, jobs, given, table)
    if "engines" in given.parts:
        for python in filter(None, (sys.executable, given.vllm)):
            engines += measure_engines(python, given)
    print(f"load {_load()} after")
    if given.json:
        speeds = {"threads": torch.get_num_threads(), "ratios": table.lines, "engines": engines}
        given.json.write_text(json.dumps(speeds, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
