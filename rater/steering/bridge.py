"""Load language models as TransformerBridges, whose activations can be read and changed.

Errors of PyTorch that mean that memory ran out are recognised here too, for loading and for every batch.
"""

import copy
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from torch import nn

from rater.embedded_model import EMBEDDED_MODEL, embedded_model_path, quietly
from rater.errors import ModelError, nearest
from rater.steering.placement import ALL_GPUS, DeviceMap, place_on_gpus
from rater.steering.prompts import new_text, require_bos, token_ids

with quietly():  # its imports warn and print
    from huggingface_hub import HfApi
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

_PLAIN: "weakref.WeakKeyDictionary[nn.Module, nn.Module]" = weakref.WeakKeyDictionary()
# Phrases of PyTorch's RuntimeErrors on Linux, Windows and Apple's GPUs, and of cuBLAS and cuDNN. CUDA has an
# error class of its own.
_PHRASES = ("can't allocate memory", "not enough memory", "out of memory", "STATUS_ALLOC_FAILED")


def load_model(
    name_or_path: str | Path,
    *,
    device: str | torch.device | Mapping[str, int | str] | None = None,
    dtype: torch.dtype | None = None,
) -> TransformerBridge:
    """Load the embedded model, a local folder or a model of the hub.

    The weights are kept once, in the checkpoint's own dtype by default. The embedded model takes about a
    second, and importing the libraries five.

    Args:
        name_or_path: A name as in a study's `model`, or a folder.
        device: A torch device; None for a GPU if there is one; "auto" to divide the layers over all GPUs; or
            the device of each module, a `device_map` of the package accelerate.
        dtype: The type of the weights; None for the checkpoint's.

    Raises:
        ModelError: the model or device does not exist, the model cannot be downloaded, does not fit into the
            memory of its devices, or has an architecture that cannot be steered.
    """
    name = str(name_or_path)
    source = model_source(name)
    where: _Where = _find_devices(device) if isinstance(device, Mapping) else find_device(device)
    if device == ALL_GPUS and torch.cuda.device_count() > 1:
        where = ALL_GPUS
    try:
        with quietly():
            parts = _load(source, dtype, where)
            # before the bridge is made, since transformer_lens gives a tokenizer without BOS its EOS
            require_bos(parts.tokenizer, name)
            return bridge_of(name, parts.model, parts.tokenizer)
    except (OSError, ValueError, NotImplementedError) as error:
        hint = nearest(name, [EMBEDDED_MODEL])
        suggestion = hint if hint.startswith(" Did you mean") else ""
        msg = (
            f"The model {name!r} could not be loaded: {_first_line(error)}. "
            f"Valid: {EMBEDDED_MODEL!r}, a folder with a model as transformers saves it, or a name on the "
            f"model hub (which needs the network).{suggestion}"
        )
        raise ModelError(msg) from error
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        cure = "a smaller model, another device, or bfloat16 if it is loaded in float32 (--dtype)"
        raise no_memory(f"load the model {name!r}", cure) from error


def find_device(device: str | torch.device | None) -> torch.device:
    """Return a device, by default and for "auto" a GPU if there is one, after checking that it can compute.

    Raises:
        ModelError: it cannot be used.
    """
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    default = "cuda" if n_gpus else "cpu"
    name = default if device in {None, ALL_GPUS} else str(device)
    try:
        where = torch.device(name)
        torch.ones(1, device=where).item()  # the device "meta" has no numbers
    except (RuntimeError, AssertionError, ImportError) as error:
        valid = ", ".join(["cpu", *(["cuda"] if n_gpus else []), *(f"cuda:{n}" for n in range(n_gpus))])
        why = _first_line(error).split(". ")[0]
        msg = f"The device {name!r} cannot be used here: {why}. Valid: {valid}."
        raise ModelError(msg) from error
    if where.type == "cuda":
        # Without cuDNN's attention kernels, which PyTorch tries first on an H100 or B200: they compile a plan
        # for each new shape, which takes a large part of a second, and every decoding step has a new shape
        # (meta-pytorch/torchtune#1652, modelscope/FunASR#3704). On a B200 their results are wrong for models
        # whose heads share few keys (pytorch/pytorch#193893).
        torch.backends.cuda.enable_cudnn_sdp(enabled=False)
    return where


def _find_devices(placed: Mapping[str, int | str]) -> DeviceMap:
    """Return the device of each module, after checking that each can compute.

    Raises:
        ModelError: one cannot be used, or weights would be offloaded to the disk.
    """
    for device in dict.fromkeys(placed.values()):
        find_device(f"cuda:{device}" if isinstance(device, int) else device)
    return dict(placed)


_Where: TypeAlias = 'torch.device | DeviceMap | Literal["auto"]'


class _Parts(NamedTuple):
    model: nn.Module
    tokenizer: PreTrainedTokenizerBase


def _load(source: str, dtype: torch.dtype | None, where: _Where) -> _Parts:
    """Load a model from a folder or the hub's local cache, otherwise from the hub."""
    if Path(source).is_dir():
        _check_folder(Path(source))
    try:
        return _from_pretrained(source, dtype, where, local_files_only=True)
    except OSError:
        if Path(source).is_dir():
            raise
    _check_hub(source)
    return _from_pretrained(source, dtype, where, local_files_only=False)


def _check_folder(folder: Path) -> None:
    """Check that a folder has the files that transformers needs; its own message is many lines long."""
    if not (folder / "config.json").is_file():
        msg = "the folder has no config.json"
        raise OSError(msg)
    if not any(any(folder.glob(pattern)) for pattern in ("token*", "vocab*", "*.model")):
        msg = "the folder has no tokenizer (tokenizer.json or what else tokenizer.save_pretrained writes)"
        raise OSError(msg)


def _from_pretrained(
    source: str, dtype: torch.dtype | None, where: _Where, *, local_files_only: bool
) -> _Parts:
    placed: DeviceMap | None = where if isinstance(where, dict) else None
    if where == ALL_GPUS:
        config = AutoConfig.from_pretrained(source, local_files_only=local_files_only)
        placed = place_on_gpus(source, config, dtype)
    options = {} if placed is None else {"device_map": placed}
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=local_files_only)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            source,
            dtype=dtype or "auto",
            local_files_only=local_files_only,
            output_loading_info=True,
            **options,
        )
    except (OSError, ValueError, MemoryError):
        raise
    except Exception as error:  # readers of damaged files raise many kinds of errors
        if isinstance(error, RuntimeError) and is_out_of_memory(error):
            raise
        msg = f"its files are damaged or do not fit each other ({type(error).__name__}: {_first_line(error)})"
        raise ValueError(msg) from error
    model, found = loaded
    if found["missing_keys"]:  # transformers only warns, and fills them with random numbers
        names = sorted(found["missing_keys"])
        msg = (
            f"its files lack {len(names)} of the weights that its configuration declares, such as {names[0]}"
        )
        raise ValueError(msg)
    return _Parts(model.to(where) if isinstance(where, torch.device) else model, tokenizer)


def _check_hub(name: str) -> None:
    """Request the model from the hub once; the loader itself retries for a minute without a network."""
    try:
        HfApi().model_info(name, timeout=10)
    except Exception as error:
        msg = f"it is not a local folder, and the model hub does not have it ({_first_line(error)})"
        raise OSError(msg) from error


def bridge_of(name: str, plain: nn.Module, tokenizer: PreTrainedTokenizerBase) -> TransformerBridge:
    """Wrap a copy of a loaded model's modules that shares its weights: a bridge replaces what it wraps."""
    tensors = [*plain.parameters(), *plain.buffers()]
    wrapped = copy.deepcopy(plain, {id(tensor): tensor for tensor in tensors})
    bridge = TransformerBridge.boot_transformers(
        name, hf_model=wrapped, tokenizer=tokenizer, dtype=plain.dtype, device=str(plain.device)
    )
    _PLAIN[bridge] = plain
    return bridge


def plain_model(model: TransformerBridge) -> nn.Module:
    """Return the transformers model that shares the bridge's weights; decoding with it is faster.

    For a bridge that `load_model` did not make, return its own wrapped model, which gives the same numbers.
    """
    return _PLAIN.get(model, model.original_model)


def devices_of(model: TransformerBridge) -> list[torch.device]:
    """Return the devices that the model's weights are on, the one that takes its tokens first."""
    first = torch.device(str(model.cfg.device))
    return list(dict.fromkeys([first, *(each.device for each in plain_model(model).parameters())]))


def tokenize(model: TransformerBridge, text: str) -> list[int]:
    """Return the token ids of a text, with BOS first; an empty text is BOS alone."""
    return token_ids(model.tokenizer, text)


def to_text(model: TransformerBridge, prompt_ids: list[int], new_ids: list[int]) -> str:
    """Return new tokens as text, with white space and without special tokens.

    They are decoded together with their prompt, since some tokenizers drop the first space of a text.
    """
    return new_text(model.tokenizer, prompt_ids, new_ids)


def stop_tokens(model: TransformerBridge) -> frozenset[int]:
    """Return the ids that end a completion; a chat model may have several."""
    generation = getattr(model.original_model, "generation_config", None)
    declared = getattr(generation, "eos_token_id", None)
    listed = declared if isinstance(declared, list) else [declared]
    return frozenset(int(token) for token in [*listed, model.tokenizer.eos_token_id] if token is not None)


def model_name(model: TransformerBridge) -> str:
    """Return the model's name as in the study."""
    return str(model.cfg.model_name)


def n_layers(model: TransformerBridge) -> int:
    """Return the number of blocks."""
    return int(model.cfg.n_layers)


def context_length(model: TransformerBridge) -> int:
    """Return the maximum number of tokens of prompt and completion together."""
    return int(model.cfg.n_ctx)


def model_source(name: str) -> str:
    """Return the folder of the embedded model, and other names as they are.

    Raises:
        ModelError: the embedded model is not installed.
    """
    if name != EMBEDDED_MODEL:
        return name
    path = embedded_model_path()
    if path is None:
        msg = f"The embedded model {EMBEDDED_MODEL!r} is not installed. Run: rater model install"
        raise ModelError(msg)
    return str(path)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".: ")


def is_out_of_memory(error: RuntimeError | MemoryError) -> bool:
    """Return whether an error means that memory ran out, on any device."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return any(phrase in str(error) for phrase in _PHRASES)


def no_memory(
    what: str, cure: str = "shorter prompts, fewer new tokens, a smaller model or another device"
) -> ModelError:
    """Return the error for a task whose smallest batch does not fit into memory, with remedies."""
    return ModelError(f"Memory does not suffice to {what}; use {cure}.")
