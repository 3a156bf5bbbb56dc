"""Read and write GGUF control vectors as repeng and llama.cpp do: ``direction.N`` is added after block N."""

# They add a direction to the output of its block at every token, prompt and BOS included:
# https://github.com/vgel/repeng/blob/main/repeng/extract.py and common_control_vector_load_one in
# https://github.com/ggml-org/llama.cpp/blob/master/common/common.cpp, which refuses direction.0.

import re
from collections.abc import Sequence
from pathlib import Path

import gguf
import torch
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.bridge import model_name, n_layers, plain_model
from rater.steering.vectors import SteeringVector

_ARCHITECTURE = "controlvector"
_HINT = f"{_ARCHITECTURE}.model_hint"


def read_gguf(path: Path, model: TransformerBridge) -> list[SteeringVector]:
    """Read a control vector; each direction is for every token, as where it comes from.

    Raises:
        ModelError: the file is no control vector, or not one for a model of this kind, depth and width.
    """
    try:
        reader = gguf.GGUFReader(path)
    except (ValueError, OSError, IndexError) as error:
        msg = f"{path} cannot be read as GGUF ({error}); valid: a control vector."
        raise ModelError(msg) from error
    architecture, hint = _text(reader, "general.architecture"), _text(reader, _HINT)
    if architecture != _ARCHITECTURE:
        msg = f"{path} is GGUF for {architecture!r}; valid: {_ARCHITECTURE!r}."
        raise ModelError(msg)
    if hint and _architecture(hint) != _architecture(_model_type(model)):
        msg = f"{path} is for models of type {hint!r}, but {model_name(model)} is {_model_type(model)!r}."
        raise ModelError(msg)
    directions = [tensor for tensor in reader.tensors if tensor.name.startswith("direction.")]
    if not directions:
        msg = f"{path} holds no tensor named direction.N; valid: one for each layer that is steered."
        raise ModelError(msg)
    return [_vector(path, model, tensor) for tensor in directions]


def write_gguf(path: Path, vectors: Sequence[SteeringVector], model: TransformerBridge, made: str) -> None:  # noqa: ARG001 (GGUF has no place for how they were made)
    """Write a control vector that adds what the vectors add.

    Raises:
        ModelError: it cannot, since control vectors add one direction to every token after blocks 1 and up.
    """
    directions: dict[int, torch.Tensor] = {}
    for vector in vectors:
        block = _block_before(vector.hook_point)
        if block is None or block < 1 or vector.when != "all":
            msg = (
                f"{vector!r} cannot be written to {path.name}: a GGUF control vector is added after a block "
                "from 1 on (hook_resid_post, or hook_resid_pre of the next), to all tokens (when='all')."
            )
            raise ModelError(msg)
        added = vector.activations[0].float().cpu()
        directions[block] = directions[block] + added if block in directions else added
    writer = gguf.GGUFWriter(path, _ARCHITECTURE)
    writer.add_string(_HINT, _model_type(model))
    writer.add_uint32(f"{_ARCHITECTURE}.layer_count", len(directions))
    for block, direction in sorted(directions.items()):
        writer.add_tensor(f"direction.{block}", direction.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _vector(path: Path, model: TransformerBridge, tensor: gguf.ReaderTensor) -> SteeringVector:
    number = tensor.name.removeprefix("direction.")
    if not number.isdecimal() or int(number) >= n_layers(model):
        msg = f"{path} has {tensor.name!r}, but {model_name(model)} has layers 0–{n_layers(model) - 1}."
        raise ModelError(msg)
    if tensor.tensor_type not in {gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16}:
        msg = f"{path} has {tensor.name!r} of type {tensor.tensor_type.name}; valid: F32 or F16."
        raise ModelError(msg)
    # Copied, since the reader's array is a part of the file, which may be closed or removed.
    activations = torch.from_numpy(tensor.data.copy()).float().reshape(1, -1)
    return SteeringVector(f"blocks.{number}.hook_resid_post", activations, when="all")


def _block_before(hook_point: str) -> int | None:
    """Find the block after which a hook point lies; None where it lies within one."""
    found = re.fullmatch(r"blocks\.(\d+)\.hook_resid_(pre|post)", hook_point)
    return None if found is None else int(found[1]) - (found[2] == "pre")


def _text(reader: gguf.GGUFReader, name: str) -> str | None:
    field = reader.get_field(name)
    return None if field is None else str(bytes(field.parts[-1]), encoding="utf-8", errors="replace")


def _architecture(model_type: str) -> str:
    """Name a kind of model as llama.cpp does, since repeng's hints are transformers' names for it."""
    plain = model_type.replace("_", "")  # gpt_neox is gptneox there
    return "llama" if plain in {"mistral", "mixtral"} else plain


def _model_type(model: TransformerBridge) -> str:
    return str(plain_model(model).config.model_type)  # type: ignore[union-attr] # torch types no attribute
