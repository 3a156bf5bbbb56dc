"""Compare a CUDA GPU with the CPU, and with what is promised of it, in one run; prints one table.

    python tests/gpu/check.py                     # the embedded model, some two minutes
    python tests/gpu/check.py --model FOLDER      # what runs in bfloat16 is this model instead
    python tests/gpu/check.py --device cpu        # without a GPU: all but what is measured on one

With the interpreter of an environment with rater[vllm], it checks the engine vLLM too. With several GPUs, it
divides the embedded model over them. At its end it prints the tokens per second of both engines, of
transformers.generate and of plain vLLM.

It needs what generating needs, rater[generate] with torch built for CUDA, and the embedded model (rater model
install; RATER_CACHE names another folder for it); once these are there, it needs no network. Exit code 0: all
holds; 1: something does not; 2: there is no GPU or no model here.
"""

import argparse
import gc
import json
import logging
import math
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from transformer_lens.model_bridge import TransformerBridge

from rater.embedded_model import EMBEDDED_MODEL
from rater.errors import ModelError
from rater.generate.engines.torch_engine import TorchEngine
from rater.generate.engines.vllm_engine import VllmEngine
from rater.steering.additions import resolve
from rater.steering.batch import Row
from rater.steering.bridge import devices_of, load_model, plain_model
from rater.steering.completions import ArmCompletion, Draws, generate
from rater.steering.placement import ALL_GPUS
from rater.steering.prefill import next_token_logprobs
from rater.steering.sampler import generate as generate_rows
from rater.study.additions import ActivationAddition, DatasetVector, RandomVector, XVector

SPEEDS = Path(__file__).parents[1] / "benchmarks" / "engines.py"
ORACLE = Path(__file__).parents[1] / "data" / "steering_oracle.json"
PROMPTS = ["I hate you because", "When I woke up this morning and looked out of the window, I"]
LOVE = XVector("Love", "Hate", coeff=5, at=6, pad="space")
ARMS: dict[str, Any] = {
    "unsteered": (),
    "pair": (LOVE,),
    "random": (RandomVector(like=LOVE, seed=1),),
    "always": (
        DatasetVector(
            ("I love it", "so good"), ("I hate it", "so bad"), at=6, coeff=1, read="last", when="all"
        ),
    ),
}
GREEDY = Draws(max_new_tokens=40, temperature=0)
SEEDS = Draws(max_new_tokens=40, top_p=0.3, frequency_penalty=1, samples_per_prompt=8)
GIB = 2**30
N_TOO_MANY = 1024


class Check(NamedTuple):
    """One thing that is promised, what was found, and whether it holds."""

    promise: str
    found: str
    holds: bool


def oracle(model: TransformerBridge) -> Check:
    """Compare next-token log-probabilities with those of llm-steering's own code."""
    furthest, n = 0.0, 0
    for case in json.loads(ORACLE.read_text(encoding="utf-8"))["cases"]:
        for arm in ("base", "steered"):
            additions = [_declared(each, case) for each in case["additions"]] if arm == "steered" else []
            logprobs = next_token_logprobs(model, case["prompt"], additions)
            for token in case[arm]["top5"]:
                furthest, n = max(furthest, abs(float(logprobs[token["id"]]) - token["logprob"])), n + 1
    return Check("float32: llm-steering's numbers within 1e-3", f"{furthest:.1e} over {n}", furthest < 1e-3)


def _declared(each: dict[str, Any], case: dict[str, Any]) -> ActivationAddition:
    dims = tuple(case["res_stream_slice"]) if case["res_stream_slice"] else None
    place: dict[str, Any] = {"position": case["addition_location"], "dims": dims}
    if each["prompt"] is not None:
        return ActivationAddition(each["coeff"], each["act_name"], each["prompt"], **place)
    return ActivationAddition(each["coeff"], each["act_name"], tokens=tuple(each["token_ids"]), **place)


def greedy(here: TransformerBridge, there: TransformerBridge) -> Check:
    """Generate the likeliest tokens of every kind of arm on both devices."""
    same, n = _count_same(here, there, GREEDY)
    return Check("float32: greedy completions as on the CPU", f"{same} of {n}", same == n)


def sampled(here: TransformerBridge, there: TransformerBridge) -> Check:
    """Draw with the same random numbers on both devices."""
    same, n = _count_same(here, there, SEEDS)
    return Check("float32: sampled ones too, but for one in twenty", f"{same} of {n}", same >= 0.95 * n)


def _count_same(here: TransformerBridge, there: TransformerBridge, draws: Draws) -> tuple[int, int]:
    return _count_equal(*(generate(model, PROMPTS, ARMS, draws) for model in (here, there)))


def _count_equal(some: Sequence[ArmCompletion], others: Sequence[ArmCompletion]) -> tuple[int, int]:
    pairs = list(zip(some, others, strict=True))
    return sum(one.token_ids == other.token_ids for one, other in pairs), len(pairs)


def in_other_batches(there: TransformerBridge) -> Check:
    """Draw the same completions in batches of two sizes."""
    same, n = _count_equal(*(generate(there, PROMPTS, ARMS, SEEDS, batch_size=size) for size in (64, 5)))
    return Check("float32: batches of 5 as of 64, but for one in twenty", f"{same} of {n}", same >= 0.95 * n)


def touched(there: TransformerBridge) -> Check:
    """See that every steered completion was steered, and no other."""
    made = generate(there, PROMPTS, ARMS, GREEDY, trace=True)
    right = sum(bool(each.touched) == (each.arm != "unsteered") for each in made)
    return Check(
        "steered arms are touched, and the others not", f"{right} of {len(made)}", right == len(made)
    )


def nll(here: TransformerBridge, there: TransformerBridge) -> Check:
    """Compare what is measured of the same completions."""
    pairs = zip(*(generate(model, PROMPTS, ARMS, GREEDY) for model in (here, there)), strict=True)
    apart = [abs(_nll(one) - _nll(other)) for one, other in pairs if one.token_ids == other.token_ids]
    return Check("float32: NLL within 1e-3", f"{max(apart, default=9):.1e}", max(apart, default=9) < 1e-3)


def _nll(made: ArmCompletion) -> float:
    return made.measurements.nll if made.measurements else float("nan")


def weights_once(model: TransformerBridge, peak: int) -> Check:
    """See that loading took no more than the weights, in the type that was asked for."""
    weights = {each.data_ptr(): each for each in plain_model(model).parameters()}
    n_bytes = sum(each.nbytes for each in weights.values())
    kinds = {str(each.dtype).removeprefix("torch.") for each in weights.values()}
    found = f"{peak / GIB:.2f} GiB for {n_bytes / GIB:.2f} of weights in {', '.join(kinds)}"
    holds = kinds == {"bfloat16"} and peak < 1.1 * n_bytes
    return Check("weights are on the GPU once, in bfloat16", found, holds)


def peak_memory(model: TransformerBridge, before: int) -> Check:
    """Return the peak memory of a batch of 512 rows."""
    torch.cuda.reset_peak_memory_stats()
    made = generate(
        model,
        PROMPTS[:1],
        {"unsteered": ()},
        SEEDS.model_copy(update={"samples_per_prompt": 512}),
        batch_size=512,
    )
    peak = (torch.cuda.max_memory_allocated() - before) / GIB
    return Check("peak memory of 512 rows, measured too", f"{peak:.2f} GiB", len(made) == 512)


def bfloat16(model: TransformerBridge) -> Check:
    """Sample in bfloat16, and see that it is language to the model itself."""
    made = generate(model, PROMPTS, ARMS, SEEDS)
    unsteered = [_nll(each) for each in made if each.arm == "unsteered"]
    mean = sum(unsteered) / len(unsteered)
    are_finite = all(math.isfinite(_nll(each)) for each in made)
    holds = are_finite and mean < 4
    return Check("bfloat16: finite, and NLL below 4", f"NLL {mean:.2f} of {len(made)}", holds)


def speed(model: TransformerBridge, n_rows: int) -> Check:
    """Measure tokens per second, the first time too, when a kernel that plans for each length is slow."""
    draws = SEEDS.model_copy(update={"samples_per_prompt": n_rows // 2})
    _tokens_per_second(model, draws.model_copy(update={"max_new_tokens": 3}), n_rows)
    first, again = (_tokens_per_second(model, draws, n_rows) for _ in range(2))
    found = f"{first:,.0f}, again {again:,.0f}"
    return Check(f"tokens per second, {n_rows} rows; no slower at first", found, first > 0.5 * again)


def _tokens_per_second(model: TransformerBridge, draws: Draws, n_rows: int) -> float:
    torch.cuda.synchronize()
    start = time.perf_counter()
    arms = {"unsteered": (), "pair": (LOVE,)}
    made = generate(model, PROMPTS[0], arms, draws, batch_size=n_rows, measure=False)
    torch.cuda.synchronize()
    return sum(len(each.token_ids) for each in made) / (time.perf_counter() - start)


class _Halvings(logging.Handler):
    """Counts how often the sampler said that it halves its batch."""

    n = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.n += "Out of memory" in record.getMessage()


def halving(model: TransformerBridge) -> Check:
    """Decode far more rows than fit into what this process is given of the GPU, until all are made."""
    draws = GREEDY.model_copy(update={"max_new_tokens": 100})
    expected = _texts(model, 8, draws)
    watch = _Halvings()
    logger = logging.getLogger("rater.steering.sampler")
    logger.addHandler(watch)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    # Small compared with the weights, so that it takes seconds on a GPU of any size.
    torch.cuda.set_per_process_memory_fraction(min(1.0, (torch.cuda.memory_allocated() + GIB) / total))
    try:
        made = _texts(model, N_TOO_MANY, draws)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        logger.removeHandler(watch)
    holds = watch.n > 0 and len(made) == N_TOO_MANY and made[:8] == expected
    found = f"{watch.n} halvings, {len(made)} of {N_TOO_MANY} made"
    return Check("out of memory halves the batch, and nothing is lost", found, holds)


def _texts(model: TransformerBridge, n_rows: int, draws: Draws) -> list[str]:
    vectors = resolve(model, (LOVE,))
    rows = [Row(index, PROMPTS[0], vectors, index) for index in range(n_rows)]
    made = list(generate_rows(model, rows, draws, batch_size=n_rows))
    return [each.text for each in sorted(made, key=lambda each: each.key)]


def divided(here: TransformerBridge) -> Check:
    """Divide the embedded model over all GPUs."""
    there = load_model(EMBEDDED_MODEL, device=ALL_GPUS, dtype=torch.float32)
    same, n = _count_same(here, there, GREEDY)
    n_devices = len(devices_of(there))
    holds = same == n and n_devices == torch.cuda.device_count()
    return Check(
        "float32: greedy completions over all GPUs", f"{same} of {n} over {n_devices} devices", holds
    )


def in_float32(device: str) -> list[Check]:
    """Compare both devices, in the type of the reference numbers."""
    here = load_model(EMBEDDED_MODEL, device="cpu", dtype=torch.float32)
    there = load_model(EMBEDDED_MODEL, device=device, dtype=torch.float32)
    on_gpu = (
        [
            *_tried(lambda: halving(there)),
            *(_tried(lambda: divided(here)) if torch.cuda.device_count() > 1 else []),
        ]
        if device == "cuda"
        else []
    )
    return [
        *_tried(lambda: oracle(there)),
        *_tried(lambda: greedy(here, there)),
        *_tried(lambda: sampled(here, there)),
        *_tried(lambda: in_other_batches(there)),
        *_tried(lambda: nll(here, there)),
        *_tried(lambda: touched(there)),
        *on_gpu,
    ]


def in_bfloat16(model_name: str, device: str) -> list[Check]:
    """See what a model takes and gives in the type that GPUs are quick in."""
    gc.collect()  # a model refers to itself
    if device == "cpu":
        slow = load_model(model_name, device=device, dtype=torch.bfloat16)
        return _tried(lambda: bfloat16(slow))
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    model = load_model(model_name, device="cuda", dtype=torch.bfloat16)
    peak = torch.cuda.max_memory_allocated() - before
    return [
        *_tried(lambda: weights_once(model, peak)),
        *_tried(lambda: bfloat16(model)),
        *_tried(lambda: speed(model, 60)),
        *_tried(lambda: speed(model, 512)),
        *_tried(lambda: peak_memory(model, before)),
    ]


def in_vllm() -> list[Check]:
    """Compare the engine vLLM with the torch engine on the CPU, in float32, where it is installed."""
    if find_spec("vllm") is None:
        return []
    here = TorchEngine(load_model(EMBEDDED_MODEL, device="cpu", dtype=torch.float32))
    there = VllmEngine(EMBEDDED_MODEL, dtype="float32")
    return [*_tried(lambda: vllm_oracle(here, there)), *_tried(lambda: vllm_greedy(here, there))]


def vllm_oracle(here: TorchEngine, there: VllmEngine) -> Check:
    """Compare next-token log-probabilities with those of llm-steering's own code."""
    cases, expected = [], []
    for case in json.loads(ORACLE.read_text(encoding="utf-8"))["cases"]:
        for arm in ("base", "steered"):
            additions = [_declared(each, case) for each in case["additions"]] if arm == "steered" else []
            vectors = here.resolve(additions, place="additions")
            cases += [(case["prompt"], vectors, token["id"]) for token in case[arm]["top5"]]
            expected += [float(token["logprob"]) for token in case[arm]["top5"]]
    apart = [abs(a.first - b) for a, b in zip(there.token_logprobs(cases), expected, strict=True)]
    found = f"{max(apart):.1e} over {len(apart)}"
    return Check("vLLM, float32: llm-steering's numbers within 1e-2", found, max(apart) < 1e-2)


def vllm_greedy(here: TorchEngine, there: VllmEngine) -> Check:
    """Generate the likeliest tokens of every kind of arm with both engines; runs the canary."""
    vectors = {arm: here.resolve(additions, place=arm) for arm, additions in ARMS.items()}
    rows = [Row((arm, text), text, own, 1) for arm, own in vectors.items() for text in PROMPTS]
    made = [
        {each.key: each.token_ids for each in engine.generate(rows, GREEDY, batch_size=64, on_tokens=_ignore)}
        for engine in (here, there)
    ]
    same = sum(made[0][row.key] == made[1][row.key] for row in rows)
    return Check("vLLM, float32: greedy completions as torch's", f"{same} of {len(rows)}", same == len(rows))


def _ignore(_n: int) -> None:
    pass


def engine_speeds(given: argparse.Namespace) -> Check:
    """Print the tokens per second of both engines and of what they are built on, all at one job."""
    options = ["--device", given.device, "--dtypes", "bfloat16", "--model", given.model]
    options += ["--tokens", str(given.tokens), "--rows", *map(str, given.rows)]
    ran = subprocess.run([sys.executable, SPEEDS, *options], check=False)
    return Check(
        "every engine generates (tokens per second above)", f"exit {ran.returncode}", not ran.returncode
    )


def _tried(check: Callable[[], Check]) -> list[Check]:
    """Run a check; one that fails by an error does not keep the others from being made."""
    try:
        return [check()]
    except Exception as error:  # noqa: BLE001 (whatever it is, it is what the table is to show)
        traceback.print_exc()
        return [Check("(an error)", f"{type(error).__name__}: {error}"[:200], holds=False)]


def show(found: Sequence[Check], device: str) -> None:
    """Print the table."""
    where = "CPU" if device == "cpu" else f"{torch.cuda.device_count()} × {torch.cuda.get_device_name(0)}"
    table = Table("promise", "found", "", title=f"{where}, torch {torch.__version__}")
    for check in found:
        table.add_row(check.promise, check.found, "yes" if check.holds else "NO")
    Console().print(table)


def main() -> int:
    """Run all checks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default=EMBEDDED_MODEL, help="what runs in bfloat16")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"], help="what is checked")
    parser.add_argument(
        "--rows", nargs="+", type=int, default=[60, 512], help="rows of the speeds at the end"
    )
    parser.add_argument("--tokens", type=int, default=40, help="new tokens of each of these rows")
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        print(
            "There is no GPU here that torch can use (torch.cuda.is_available() is False). "
            "--device cpu checks the rest.",
            file=sys.stderr,
        )
        return 2
    try:
        found = [*in_float32(given.device), *in_bfloat16(given.model, given.device)]
        gc.collect()
        torch.cuda.empty_cache()
        found += [*in_vllm(), *_tried(lambda: engine_speeds(given))]
    except ModelError as error:
        print(error, file=sys.stderr)
        return 2
    show(found, given.device)
    return 0 if all(check.holds for check in found) else 1


if __name__ == "__main__":
    sys.exit(main())
