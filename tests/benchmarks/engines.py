"""Measure the tokens per second of both engines, of transformers.generate and of plain vLLM, at one job.

    python tests/benchmarks/engines.py                         # on the CPU, some ten minutes
    python tests/benchmarks/engines.py --device cuda --model FOLDER

Run it with the interpreter of an environment with rater[vllm]; without vLLM, its lines are left out. The job
is the same for all: unsteered texts of one prompt, as many rows together as the column says, no penalties,
the same top_p. For the engines another line has the same rows with half of them steered, which the other two
cannot do. Each flow has a process of its own, and generates a few tokens before its time is taken. Plain vLLM
runs with compiled graphs on a GPU; on a CPU without, as vllm-lens always does, and in a line of its own with.
"""

# ruff: noqa: PLC0415 (each flow imports its own libraries, in a process of its own)

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROMPT = "I went up to my friend and said"
N_WARM = 4
TOP_P = 0.3
MARK = "tokens per second: "
Generate = Callable[[int, int], int]
"""Generates a number of rows of a number of tokens; returns the number of tokens that were generated."""


def torch_engine(model: str, device: str, dtype: str, *, steered: bool) -> Generate:
    """Return our engine on PyTorch."""
    import torch

    from rater.generate.engines.torch_engine import TorchEngine
    from rater.steering.bridge import load_model

    return _engine(
        TorchEngine(load_model(model, device=device, dtype=getattr(torch, dtype))), steered=steered
    )


def vllm_engine(model: str, _device: str, dtype: str, *, steered: bool) -> Generate:
    """Return our engine on vLLM."""
    from rater.generate.engines.vllm_engine import VllmEngine

    return _engine(VllmEngine(model, dtype=dtype), steered=steered)


def _engine(engine: Any, *, steered: bool) -> Generate:
    from rater.steering.batch import Row
    from rater.study.arms import Sampling, XVector

    love = engine.resolve([XVector("Love", "Hate", coeff=5, at=6, pad="space")], place="additions")

    def generate(n_rows: int, n_new: int) -> int:
        rows = [Row(n, PROMPT, love if steered and n % 2 else (), n) for n in range(n_rows)]
        sampling = Sampling(max_new_tokens=n_new, top_p=TOP_P)
        made = engine.generate(rows, sampling, batch_size=n_rows, on_tokens=lambda _n: None)
        return sum(len(each.token_ids) for each in made)

    return generate


def transformers_generate(model: str, device: str, dtype: str, *, steered: bool) -> Generate:
    """Return transformers' own generation."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from rater.steering.bridge import model_source
    from rater.steering.prompts import token_ids

    assert not steered
    source = model_source(model)
    plain: Any = AutoModelForCausalLM.from_pretrained(source, dtype=getattr(torch, dtype))
    plain = plain.to(device)
    ids = token_ids(AutoTokenizer.from_pretrained(source), PROMPT)

    def generate(n_rows: int, n_new: int) -> int:
        tokens = torch.tensor([ids] * n_rows, device=device)
        made = plain.generate(
            tokens,
            attention_mask=torch.ones_like(tokens),
            max_new_tokens=n_new,
            do_sample=True,
            top_p=TOP_P,
            top_k=0,
            pad_token_id=plain.config.eos_token_id,
        )[:, len(ids) :]
        ended = (made == plain.config.eos_token_id).cumsum(-1)
        return int(((ended == 0) | ((ended == 1) & (made == plain.config.eos_token_id))).sum())

    return generate


def compiled_vllm(model: str, _device: str, dtype: str, *, steered: bool) -> Generate:
    """Return vLLM without vllm-lens, with compiled graphs."""
    return plain_vllm(model, "cuda", dtype, steered=steered)


def plain_vllm(model: str, device: str, dtype: str, *, steered: bool) -> Generate:
    """Return vLLM without vllm-lens."""
    os.environ["VLLM_LENS_DISABLE"] = "1"
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    from vllm import LLM, SamplingParams

    from rater.steering.bridge import model_source
    from rater.steering.prompts import token_ids

    assert not steered
    llm = LLM(
        model=model_source(model),
        dtype=dtype,
        max_model_len=4096,
        enforce_eager=device == "cpu",
        generation_config="vllm",
    )
    ids = token_ids(llm.get_tokenizer(), PROMPT)

    def generate(n_rows: int, n_new: int) -> int:
        params = [SamplingParams(max_tokens=n_new, top_p=TOP_P, seed=n) for n in range(n_rows)]
        made = llm.generate([{"prompt_token_ids": ids}] * n_rows, params, use_tqdm=False)
        return sum(len(each.outputs[0].token_ids) for each in made)

    return generate


FLOWS: dict[str, tuple[Callable[..., Generate], bool]] = {
    "transformers.generate": (transformers_generate, False),
    "engine torch": (torch_engine, False),
    "engine torch, half steered": (torch_engine, True),
    "plain vLLM": (plain_vllm, False),
    "plain vLLM, compiled": (compiled_vllm, False),
    "engine vllm": (vllm_engine, False),
    "engine vllm, half steered": (vllm_engine, True),
}


def measure(given: argparse.Namespace) -> None:
    """Run one flow in this process, and print its speeds as JSON."""
    load, steered = FLOWS[given.flow]
    generate = load(given.model, given.device, given.dtypes[0], steered=steered)
    speeds = []
    for n_rows in given.rows:
        generate(n_rows, N_WARM)
        start = time.perf_counter()
        n_tokens = generate(n_rows, given.tokens)
        speeds.append(n_tokens / (time.perf_counter() - start))
    print(MARK + json.dumps(speeds), flush=True)


def main() -> int:
    """Print a table; return 1 if a flow failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="smollm2-135m-instruct", help="the model")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument(
        "--rows", nargs="+", type=int, default=[60, 240], help="rows that are generated together"
    )
    parser.add_argument("--tokens", type=int, default=40, help="new tokens of each row")
    parser.add_argument("--flows", nargs="+", choices=list(FLOWS), default=list(FLOWS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers to this file")
    parser.add_argument("--flow", choices=list(FLOWS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.flow:
        measure(given)
        return 0
    has_vllm = importlib.util.find_spec("vllm") is not None
    print(f"{'tokens/s':<28}{'dtype':<10}" + "".join(f"{n:>7} rows" for n in given.rows), flush=True)
    has_failed, lines = False, []
    for dtype in given.dtypes:
        for flow in given.flows:
            if not has_vllm and "vllm" in flow.lower():
                continue
            if given.device != "cpu" and flow == "plain vLLM, compiled":
                continue  # there, plain vLLM is compiled
            same = ["--rows", *map(str, given.rows), "--tokens", str(given.tokens), "--device", given.device]
            ran = subprocess.run(
                [
                    *(sys.executable, Path(__file__), "--flow", flow, "--dtypes", dtype),
                    *("--model", given.model, *same),
                ],
                capture_output=True,
                text=True,
                check=False,
            )
            line = next((line for line in ran.stdout.splitlines() if line.startswith(MARK)), None)
            if ran.returncode or line is None:
                has_failed = True
                last = (ran.stderr.strip().splitlines() or ["no message"])[-1]
                print(f"{flow:<28}{dtype:<10} failed: {last}", flush=True)
                continue
            speeds = json.loads(line.removeprefix(MARK))
            print(f"{flow:<28}{dtype:<10}" + "".join(f"{speed:12.1f}" for speed in speeds), flush=True)
            lines += [
                {"flow": flow, "dtype": dtype, "rows": n_rows, "speed": speed}
                for n_rows, speed in zip(given.rows, speeds, strict=True)
            ]
    if given.json:
        given.json.write_text(json.dumps(lines, indent=2), encoding="utf-8")
    return int(has_failed)


if __name__ == "__main__":
    sys.exit(main())
