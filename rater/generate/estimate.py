"""Estimate the tokens, time and memory of a generation from configuration and file sizes."""

import json
import math
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rater.embedded_model import EMBEDDED_MODEL, embedded_model_path
from rater.generate.engines.protocol import EngineName
from rater.steering.cpu_decoding import MAX_PACKED_BYTES
from rater.store.sealed.completions import Cell
from rater.study.duration import describe_duration
from rater.study.study import Study

# Types that weights may be loaded in, and the bytes of a number.
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# Names of these types in safetensors files.
_STORED = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}
_INDICES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_WHOLE = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class Checkpoint:
    """Properties of a model's weights on disk."""

    n_weights: int
    dtype: str
    """Type that they are loaded in by default: that of the configuration, else that of the file."""
    config: Mapping[str, Any]

    def n_bytes(self, dtype: str | None = None) -> int:
        """Return the size of the weights in a type; None for their own type."""
        return self.n_weights * BYTES.get(dtype or self.dtype, 4)


def read_checkpoint(model: str) -> Checkpoint | None:
    """Read a checkpoint's configuration and its files' headers; None if it is not on this disk."""
    folder = _folder(model)
    if folder is None:
        return None
    try:
        return _read(folder)
    except (
        OSError,
        ValueError,
        AttributeError,
        KeyError,
        TypeError,
    ):  # damaged: loading it reports the error
        return None


def _read(folder: Path) -> Checkpoint:
    config: Mapping[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    files = _weight_files(folder)
    counts: dict[str, int] = {}
    for each in [_count(file) for file in files if file.suffix == ".safetensors"]:
        for dtype, n in each.items():
            counts[dtype] = counts.get(dtype, 0) + n
    declared = config.get("dtype") or config.get("torch_dtype")
    own = str(declared or max(counts, key=lambda dtype: counts[dtype], default="float32"))
    n_bytes = sum(file.stat().st_size for file in files if file.is_file())
    n_weights = sum(counts.values()) or n_bytes // BYTES.get(own, 4)
    return Checkpoint(n_weights, own, config)


def _folder(model: str) -> Path | None:
    """Return the folder of a model on this disk, also in the hub's cache."""
    if model == EMBEDDED_MODEL:
        return embedded_model_path()
    if Path(model).is_dir():
        return Path(model)
    try:
        from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 (may not be installed)

        found = try_to_load_from_cache(model, "config.json")
    except (ImportError, ValueError):  # not a valid name
        return None
    return Path(found).parent if isinstance(found, str) else None


def _weight_files(folder: Path) -> Sequence[Path]:
    """List the files that transformers would load; a folder may have the same weights in several formats."""
    for whole, index in zip(_WHOLE, _INDICES, strict=True):
        if (folder / whole).is_file():
            return [folder / whole]
        if (folder / index).is_file():
            parts = json.loads((folder / index).read_text(encoding="utf-8"))["weight_map"].values()
            return [folder / name for name in sorted(set(parts))]
    return []


def _count(file: Path) -> dict[str, int]:
    """Count the numbers of each type from the header of a safetensors file: its length in 8 bytes, then JSON.

    See https://huggingface.co/docs/safetensors#format.
    """
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(min(length, file.stat().st_size)))  # a damaged length may be huge
    counts: dict[str, int] = {}
    for name, tensor in header.items():
        dtype = _STORED.get(tensor.get("dtype"))
        if name != "__metadata__" and dtype is not None:
            start, end = tensor["data_offsets"]
            counts[dtype] = counts.get(dtype, 0) + (end - start) // BYTES[dtype]
    return counts


_CONTAINER = Path("/sys/fs/cgroup")


def free_memory(container: Path = _CONTAINER) -> int | None:
    """Return the number of bytes that a process can allocate without swapping; None if unknown.

    Args:
        container: The folder of Linux's control group, whose limit applies inside a container.
    """
    try:
        import psutil  # noqa: PLC0415 (comes with what generates)
    except ImportError:
        return None
    free = int(psutil.virtual_memory().available)
    left = _left_to_container(container)
    return free if left is None else min(free, left)


def too_little_memory(model: str, dtype: str | None, *, free: int | None) -> str | None:
    """Return a warning if a model's weights are larger than the free memory; otherwise None.

    Without it a run ends with no message: the system swaps until it stops responding, or kills the process.
    """
    checkpoint = read_checkpoint(model)
    if checkpoint is None or free is None or checkpoint.n_bytes(dtype) <= free:
        return None
    used = dtype or checkpoint.dtype
    half = "--dtype bfloat16 (half of that), " if BYTES.get(used, 4) > BYTES["bfloat16"] else ""
    return (
        f"The weights of {model} take {checkpoint.n_bytes(dtype) / 1e9:.1f} GB in {used}, but only "
        f"{free / 1e9:.1f} GB of memory are free. The system will swap, or kill this process. Use "
        f"{half}a smaller model or another --device."
    )


def _left_to_container(container: Path) -> int | None:
    """Return a container's memory limit minus the memory of its processes; cached files can be evicted."""
    try:
        limit = (container / "memory.max").read_text(encoding="ascii").strip()
        used = dict(
            line.split() for line in (container / "memory.stat").read_text(encoding="ascii").splitlines()
        )
        return max(0, int(limit) - int(used["anon"]))
    except (OSError, ValueError, KeyError):  # no limit: the value is "max"
        return None


_CHARACTERS_PER_TOKEN = 4
# Time on a CPU relative to torch's: tests/benchmarks/engines.py measured 1.6 for 240 unsteered rows of the
# embedded model in float32, and 1.1 with half of them steered.
_SLOWNESS = {EngineName.TORCH: 1.0, EngineName.VLLM: 1.5}
# The model's logits, the probabilities, and their sorted copy.
_COPIES_OF_LOGITS = 3
# Memory of torch and the other libraries without a model, measured.
_LIBRARIES = 500_000_000


@dataclass(frozen=True)
class GenerationEstimate:
    """Upper bounds for the cost of generating completions with one model."""

    model: str
    n_completions: int
    n_tokens: int
    """New tokens, if no completion ends before the limit."""
    batch_size: int
    device: str
    """The model's device, as far as it is known without torch."""
    dtype: str | None
    weight_bytes: int | None
    """None if the model is not on this disk, as for the next two fields."""
    memory_bytes: int | None
    """Weights, packed weights, keys and values of a whole batch, logits, and libraries."""
    flops: float | None
    """Two per weight and token, for generating and for measuring."""
    engine: EngineName = EngineName.TORCH


def estimate(
    study: Study,
    model: str,
    cells: Sequence[Cell],
    *,
    batch_size: int,
    engine: EngineName = EngineName.TORCH,
    device: str | None = None,
    dtype: str | None = None,
) -> GenerationEstimate:
    """Estimate the cost of generating completions. Reads a configuration file and the headers of the weights.

    Args:
        study: The study.
        model: The model that generates them.
        cells: The completions.
        batch_size: Number of completions that are decoded together.
        engine: The engine.
        device: The model's device; None or "auto" for a GPU if there seems to be one.
        dtype: The type of the loaded weights; None for the checkpoint's own.
    """
    n_new = study.sampling.max_new_tokens * study.n_replies
    n_tokens = len(cells) * n_new
    where = likely_device() if device in {None, "auto"} else str(device)
    checkpoint = read_checkpoint(model)
    if checkpoint is None:
        return GenerationEstimate(
            model, len(cells), n_tokens, batch_size, where, dtype, None, None, None, engine
        )
    used = dtype or checkpoint.dtype
    n_prompt = max((len(prompt) for prompt in study.prompts), default=0) // _CHARACTERS_PER_TOKEN + 1
    length, weights = n_prompt + n_new, checkpoint.n_bytes(used)
    n_logits = max(batch_size * _COPIES_OF_LOGITS, 2 * kept_together(batch_size) * (n_new + 1))
    logits = 4 * n_logits * int(checkpoint.config.get("vocab_size", 0))
    cache = batch_size * length * _cached_numbers(checkpoint.config) * BYTES.get(used, 4)
    can_pack = is_cpu(where) and used in {"float32", "bfloat16"} and weights <= MAX_PACKED_BYTES
    is_packed = engine == EngineName.TORCH and can_pack
    memory = weights + (weights if is_packed else 0) + cache + logits + _LIBRARIES
    flops = 2.0 * checkpoint.n_weights * (n_tokens + len(cells) * length)
    return GenerationEstimate(
        model, len(cells), n_tokens, batch_size, where, used, weights, memory, flops, engine
    )


def likely_device() -> str:
    """Guess the default device without importing torch, which takes seconds."""
    try:
        is_cpu_build = version("torch").endswith("+cpu")
    except PackageNotFoundError:
        is_cpu_build = True
    are_hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"}
    return "cpu" if is_cpu_build or are_hidden or shutil.which("nvidia-smi") is None else "cuda"


def is_cpu(device: str) -> bool:
    """Return whether a device uses the machine's main memory."""
    return device.partition(":")[0] == "cpu"


def default_batch_size(n_completions: int, engine: EngineName = EngineName.TORCH) -> int:
    """Return how many completions an engine is given together.

    For torch a quarter of the completions, from 64 to 128: an interruption loses at most one batch.

    Measured with the embedded model on two cores: a step of 16 rows takes half as long as one of 64, and 128
    rows twice as long. vLLM batches by itself, and its last rows run alone: it is given more.
    """
    if engine == EngineName.VLLM:
        return 512
    return min(128, max(64, n_completions // 4))


def kept_together(batch_size: int) -> int:
    """Return how many finished completions are stored together: an eighth of a batch, at least 8.

    Each group costs a forward pass, and a GPU takes about as long for few rows as for many.
    """
    return max(8, batch_size // 8)


def describe(expected: GenerationEstimate, *, free: int | None = None) -> list[str]:
    """Return an estimate as lines of text.

    Args:
        expected: The estimate.
        free: The free memory in bytes; None if unknown.
    """
    with_engine = "" if expected.engine == EngineName.TORCH else f" with the engine {expected.engine}"
    what = (
        f"{expected.model} would make {expected.n_completions} completions of at most "
        f"{expected.n_tokens // max(1, expected.n_completions)} tokens ({expected.n_tokens:,} in all), "
        f"{expected.batch_size} together, on {expected.device}{with_engine}."
    )
    if expected.memory_bytes is None or expected.flops is None:
        return [what, "  The model is not on this disk, so its memory and time are unknown."]
    weights = (expected.weight_bytes or 0) / 1e9
    there = f"; {free / 1e9:.1f} GB are free" if free is not None and is_cpu(expected.device) else ""
    memory = (
        f"  memory: about {expected.memory_bytes / 1e9:.1f} GB, of which {weights:.1f} GB are weights in "
        f"{expected.dtype}{there}"
    )
    if not is_cpu(expected.device):
        if expected.engine == EngineName.VLLM:
            memory += "; vLLM takes 92 % of the GPU's memory, whatever is needed"
        return [what, memory, "  time: unknown for a GPU"]
    seconds = expected.flops / cpu_flops_per_second() * _SLOWNESS[expected.engine]
    return [what, memory, f"  time: roughly {describe_duration(seconds)} on this machine while it is idle"]


def cpu_flops_per_second() -> float:
    """Measure the speed of matrix products on this machine, in 0.1 seconds."""
    import numpy as np  # noqa: PLC0415 (for this alone)

    left, right = np.ones((64, 2048), np.float32), np.ones((2048, 2048), np.float32)
    fastest = float("inf")
    end = time.perf_counter() + 0.1
    while time.perf_counter() < end:
        start = time.perf_counter()
        left @ right
        fastest = min(fastest, time.perf_counter() - start)
    per_thread = 2.0 * left.size * right.shape[1] / fastest
    one_thread = os.environ.get("OPENBLAS_NUM_THREADS") == "1"  # as in the command `rater`
    return per_thread * (
        len(os.sched_getaffinity(0)) if one_thread and hasattr(os, "sched_getaffinity") else 1
    )


def _cached_numbers(config: Mapping[str, Any]) -> int:
    """Return the numbers that the cache has per token: keys and values of all layers."""
    n_layers = int(config.get("num_hidden_layers") or config.get("n_layer") or 0)
    width = int(config.get("hidden_size") or config.get("n_embd") or 0)
    n_heads = int(config.get("num_attention_heads") or config.get("n_head") or 1)
    n_keys = int(config.get("num_key_value_heads") or n_heads)
    d_head = int(config.get("head_dim") or width // n_heads)
    return 2 * n_layers * n_keys * d_head


# Multiplications and additions in a second on a few cores of a processor.
_FEW_CORES = 1e11
# From this time on, workers spend little of it on loading the model.
_SECONDS_WORTH_DIVIDING = 1800.0
_SECONDS_OF_A_SHARD = 600.0


def advise_workers(study: Study, cells_by_model: Mapping[str, Sequence[Cell]]) -> str | None:
    """Return advice to divide the generation of a study if that pays; None if not, or if a model is unknown.

    Args:
        study: The study.
        cells_by_model: Its completions by the model that generates them.
    """
    parts = [
        estimate(study, model, cells, batch_size=default_batch_size(len(cells)))
        for model, cells in cells_by_model.items()
    ]
    if any(part.flops is None for part in parts):
        return None
    seconds = sum(part.flops or 0.0 for part in parts) / _FEW_CORES
    if seconds < _SECONDS_WORTH_DIVIDING:
        return None
    n_shards = min(math.ceil(seconds / _SECONDS_OF_A_SHARD), sum(part.n_completions for part in parts), 1_000)
    return (
        f"Generating takes roughly {describe_duration(seconds)} on a few cores, so that a GPU, or dividing "
        "it, pays: rater generate FILE --workers N on one machine, --ray on a Ray cluster, or "
        f"--slurm {n_shards}."
    )
