"""The engine that runs a TransformerBridge with PyTorch: all hook points, our own random numbers."""

import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Any, TypeVar

import psutil
import torch
from transformer_lens.model_bridge import TransformerBridge
from transformers import PreTrainedTokenizerBase

from rater.generate.completion_store import Versions
from rater.generate.engines.protocol import EngineName
from rater.steering.additions import resolve
from rater.steering.batch import Completion, Row
from rater.steering.bridge import devices_of
from rater.steering.draw import SamplingParameters
from rater.steering.likelihood import unsteered_nlls
from rater.steering.sampler import generate
from rater.steering.vectors import SteeringVector
from rater.study.additions import AnyAddition

K = TypeVar("K")
_PACKAGES = ("rater", "torch", "transformers", "transformer_lens")


class TorchEngine:
    """A `GenerationEngine` on a model from `rater.steering.bridge.load_model`."""

    def __init__(self, model: TransformerBridge) -> None:
        self._model = model

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The bridge's tokenizer."""
        tokenizer: PreTrainedTokenizerBase = self._model.tokenizer
        return tokenizer

    @property
    def versions(self) -> Versions:
        """Versions of the packages, the device or the number of devices, and the dtype of the weights."""
        devices = devices_of(self._model)
        return {
            "engine": EngineName.TORCH.value,
            "python": platform.python_version(),
            **{package: version(package) for package in _PACKAGES},
            "device": str(devices[0]) if len(devices) == 1 else f"{len(devices)} × {devices[0].type}",
            "dtype": str(next(self._model.parameters()).dtype),
        }

    def peak_bytes(self) -> int:
        """Return PyTorch's largest allocation, summed over GPUs, or the largest memory of the process."""
        gpus = [device for device in devices_of(self._model) if device.type == "cuda"]
        if gpus:
            return sum(torch.cuda.max_memory_allocated(device) for device in gpus)
        return peak_memory_of_process()

    def resolve(self, additions: Sequence[AnyAddition], *, place: str) -> tuple[SteeringVector, ...]:
        """Compute vectors; costs as `rater.steering.additions.resolve`."""
        return resolve(self._model, additions, place=place)

    def generate(
        self,
        rows: Sequence[Row[K]],
        sampling: SamplingParameters,
        *,
        batch_size: int,
        on_tokens: Callable[[int], None],
    ) -> Iterator[Completion[K]]:
        """Generate with `rater.steering.sampler.generate`, and measure unsteered rows on the way."""
        return generate(self._model, rows, sampling, batch_size=batch_size, measure=True, on_tokens=on_tokens)

    def unsteered_nlls(self, completions: Sequence[Completion[Any]], prompts: Sequence[str]) -> list[float]:
        """Measure completions; costs a forward pass for those that were not measured on the way."""
        return unsteered_nlls(self._model, completions, prompts)


def peak_memory_of_process() -> int:
    """Return the largest resident memory of this process so far, in bytes."""
    try:
        import resource  # noqa: PLC0415 (not on every system)
    except ImportError:
        return int(psutil.Process().memory_info().rss)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux KiB
