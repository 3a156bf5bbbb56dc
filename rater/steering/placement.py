"""Divide the layers of a model that is too large for one GPU over several."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import torch
from accelerate import infer_auto_device_map, init_empty_weights  # type: ignore[import-untyped] # it has no types
from accelerate.utils import get_balanced_memory  # type: ignore[import-untyped] # as above
from transformers import AutoModelForCausalLM, PretrainedConfig

from rater.errors import ModelError

# The device that means: all GPUs.
ALL_GPUS: Literal["auto"] = "auto"
DeviceMap: TypeAlias = "dict[str, int | str]"
"""The device of each module by its name, as accelerate writes it: the number of a GPU, or a torch device."""
# The rest is for keys and values, logits and the libraries.
_SHARE_FOR_WEIGHTS = 0.8


def place_on_gpus(name: str, config: PretrainedConfig, dtype: torch.dtype | None) -> DeviceMap:
    """Return the GPU of each module, with about as many bytes of weights on each GPU.

    Args:
        name: The model's name, for the error message.
        config: Its configuration.
        dtype: The type of the weights; None for that of the configuration.

    Raises:
        ModelError: the weights do not fit into the GPUs' free memory.
    """
    free = {gpu: torch.cuda.mem_get_info(gpu)[0] for gpu in range(torch.cuda.device_count())}
    return place_modules(name, config, dtype, free)


def place_modules(
    name: str, config: PretrainedConfig, dtype: torch.dtype | None, free: Mapping[int, int]
) -> DeviceMap:
    """Return the GPU of each module, given the free bytes of each; no weights are read.

    A block is never divided. A fifth of the memory is left to keys, values and logits.

    Raises:
        ModelError: the weights do not fit.
    """
    used = dtype or getattr(config, "dtype", None) or torch.float32
    declared: Any = AutoModelForCausalLM  # transformers is partly untyped
    with init_empty_weights():
        model = declared.from_config(config, dtype=used)
    model.tie_weights()
    whole = list(model._no_split_modules or ())  # noqa: SLF001 (as transformers passes it to accelerate)
    memory: dict[int | str, int] = {gpu: int(_SHARE_FOR_WEIGHTS * size) for gpu, size in free.items()}
    balanced = get_balanced_memory(model, max_memory=dict(memory), no_split_module_classes=whole)
    placed: DeviceMap = infer_auto_device_map(model, max_memory=balanced, no_split_module_classes=whole)
    if "disk" in placed.values() or "cpu" in placed.values():
        n_bytes = sum(each.numel() * each.element_size() for each in model.parameters())
        half = ", or bfloat16 (--dtype)" if used == torch.float32 else ""
        msg = (
            f"The model {name!r} does not fit into the GPUs: its weights take {n_bytes / 1e9:.1f} GB, and "
            f"{sum(memory.values()) / 1e9:.1f} GB are left to them on {len(memory)} GPUs. Use more GPUs, a "
            f"smaller model{half}."
        )
        raise ModelError(msg)
    return placed
