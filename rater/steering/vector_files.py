"""Files of steering vectors: safetensors with a header, and GGUF control vectors."""

import hashlib
import json
import re
import tempfile
import weakref
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import gguf
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.bridge import model_name, n_layers, plain_model
from rater.steering.vectors import SteeringVector

_SAMPLED = 64
_KNOWN: "weakref.WeakKeyDictionary[nn.Module, str]" = weakref.WeakKeyDictionary()


def model_fingerprint(model: TransformerBridge) -> str:
    """Return a hash of each weight matrix's name, shape and 64 spread numbers: 16 hexadecimal digits.

    The numbers are rounded to bfloat16, so that the fingerprint does not depend on the type that the weights
    are loaded in. Models that differ in only a few numbers may share it; two checkpoints do not.
    """
    if model not in _KNOWN:
        digest = hashlib.sha256()
        for name, weight in plain_model(model).named_parameters():
            flat = weight.detach().reshape(-1)
            step = max(1, len(flat) // _SAMPLED)
            numbers = flat[::step][:_SAMPLED].to(torch.bfloat16).float().cpu().numpy().tobytes()
            # A bridge that `load_model` did not make has an additional part in each name.
            plain = name.replace("_original_component.", "")
            digest.update(f"{plain} {tuple(weight.shape)}".encode() + numbers)
        _KNOWN[model] = digest.hexdigest()[:16]
    return _KNOWN[model]


def tokenizer_fingerprint(model: TransformerBridge) -> str:
    """Return a hash of the vocabulary and the special tokens: 16 hexadecimal digits."""
    tokenizer = model.tokenizer
    special = [tokenizer.bos_token_id, tokenizer.eos_token_id]
    known = json.dumps([sorted(tokenizer.get_vocab().items()), special])
    return hashlib.sha256(known.encode()).hexdigest()[:16]


# They add a direction to the output of its block at every token, prompt and BOS included:
# https://github.com/vgel/repeng/blob/main/repeng/extract.py and common_control_vector_load_one in
# https://github.com/ggml-org/llama.cpp/blob/master/common/common.cpp, which refuses direction.0.


_ARCHITECTURE = "controlvector"
_HINT = f"{_ARCHITECTURE}.model_hint"


def read_gguf(path: Path, model: TransformerBridge) -> list[SteeringVector]:
    """Read a control vector; each direction is added to every token, as in repeng and llama.cpp.

    Raises:
        ModelError: the file is not a control vector, or not for a model of this architecture, depth and
            width.
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
    """Write vectors as a control vector.

    Raises:
        ModelError: the format cannot represent them: it has one direction for every token, after blocks 1 and
            up.
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
    # Copied, since the reader's array is mapped from the file, which may be closed or removed.
    activations = torch.from_numpy(tensor.data.copy()).float().reshape(1, -1)
    return SteeringVector(f"blocks.{number}.hook_resid_post", activations, when="all")


def _block_before(hook_point: str) -> int | None:
    """Return the block after which a hook point lies; None for one within a block."""
    match = re.fullmatch(r"blocks\.(\d+)\.hook_resid_(pre|post)", hook_point)
    return None if match is None else int(match[1]) - (match[2] == "pre")


def _text(reader: gguf.GGUFReader, name: str) -> str | None:
    field = reader.get_field(name)
    return None if field is None else str(bytes(field.parts[-1]), encoding="utf-8", errors="replace")


def _architecture(model_type: str) -> str:
    """Return llama.cpp's name for an architecture; repeng's files have transformers' names."""
    plain = model_type.replace("_", "")  # gpt_neox is gptneox there
    return "llama" if plain in {"mistral", "mixtral"} else plain


def _model_type(model: TransformerBridge) -> str:
    return str(plain_model(model).config.model_type)  # type: ignore[union-attr] # torch types no attribute


_FORMAT = "rater steering vectors 1"
_LAYERS = (
    "blocks.N.hook_resid_pre is the residual stream before block N, hook_resid_post after it, N from 0; "
    "positions count tokens, BOS is 0"
)


def save_vectors(
    path: str | Path, vectors: Sequence[SteeringVector], model: TransformerBridge, *, made: str
) -> None:
    """Write vectors to a file, completely or not at all: ``.gguf`` for llama.cpp, else safetensors.

    Args:
        path: The file; its suffix selects the format. GGUF control vectors are those of llama.cpp and repeng.
        vectors: The vectors.
        model: The model that they were computed with, and are for.
        made: How they were made, in words or as declared additions; kept in the header (not in GGUF).

    Raises:
        ModelError: there are no vectors, the format cannot represent them, or the file cannot be written.
    """
    path = Path(path)
    if not isinstance(vectors, list | tuple) or not vectors:
        msg = f"What is to be saved to {path} is {vectors!r}; valid: a list of one vector or more."
        raise ModelError(msg)
    for vector in vectors:
        if not isinstance(vector, SteeringVector):
            msg = f"What is to be saved to {path} has {vector!r}; valid: vectors, as `resolve` makes them."
            raise ModelError(msg)
    write = write_gguf if _is_gguf(path) else _write_safetensors
    try:
        with tempfile.TemporaryDirectory(prefix=".saving-", dir=path.parent) as folder:
            unfinished = Path(folder) / path.name
            write(unfinished, vectors, model, made)
            unfinished.replace(path)
    except OSError as error:
        msg = f"The vectors could not be written to {path}: {error.strerror or error}. Name another folder."
        raise ModelError(msg) from error


def load_vectors(
    path: str | Path, model: TransformerBridge, *, sha256: str | None = None, where: str = "The file"
) -> list[SteeringVector]:
    """Read vectors for a model from a file that `save_vectors`, repeng or llama.cpp wrote.

    Args:
        path: The file; ``.gguf`` is read as a control vector, everything else as safetensors.
        model: The model that will be steered.
        sha256: The SHA-256 that the file must have; None for any.
        where: Where the file is named, such as ``arms[1].additions[0]``, for error messages.

    Raises:
        ModelError: the file is missing, damaged, changed, or for another model or tokenizer.
    """
    path = Path(path)
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        msg = (
            f"{where} names the file {str(path)!r}, which cannot be read: {error.strerror or error}. "
            "Valid: a path relative to the current folder."
        )
        raise ModelError(msg) from error
    if sha256 is not None and digest != sha256:
        msg = f"{where} names the file {str(path)!r} with the SHA-256 {sha256}, but the file has {digest}."
        raise ModelError(msg)
    if _is_gguf(path):
        return read_gguf(path, model)
    return _read_safetensors(path, model)


def read_header(path: str | Path) -> dict[str, str]:
    """Return the header of a safetensors file of vectors; this needs no model.

    Raises:
        ModelError: it is not such a file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header: dict[str, str] = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        msg = f"{path} cannot be read as safetensors ({error}); valid: a file that save_vectors wrote."
        raise ModelError(msg) from error
    if header.get("format") != _FORMAT:
        msg = f"{path} has the format {header.get('format')!r}; valid: {_FORMAT!r}, of save_vectors."
        raise ModelError(msg)
    return header


def _is_gguf(path: Path) -> bool:
    return path.suffix.lower() == ".gguf"


def _write_safetensors(
    path: Path, vectors: Sequence[SteeringVector], model: TransformerBridge, made: str
) -> None:
    described = [
        {
            "hook_point": vector.hook_point,
            "position": vector.position,
            "when": vector.when,
            "norms": [round(norm, 4) for norm in vector.norms().tolist()],
        }
        for vector in vectors
    ]
    header = {
        "format": _FORMAT,
        "operation": "add",
        "layers": _LAYERS,
        "vectors": json.dumps(described),
        "made": made,
        "model": model_name(model),
        "model_fingerprint": model_fingerprint(model),
        "tokenizer_fingerprint": tokenizer_fingerprint(model),
        "rater": version("rater"),
    }
    tensors = {str(n): vector.activations.float().cpu().contiguous() for n, vector in enumerate(vectors)}
    path.write_bytes(save(tensors, header))


def _read_safetensors(path: Path, model: TransformerBridge) -> list[SteeringVector]:
    header = read_header(path)
    known = {
        "model_fingerprint": ("model", model_fingerprint(model)),
        "tokenizer_fingerprint": ("tokenizer", tokenizer_fingerprint(model)),
    }
    for name, (kind, expected) in known.items():
        if header[name] != expected:
            msg = (
                f"{path} was made with the {kind} of {header['model']!r} (fingerprint {header[name]}), but "
                f"the {kind} of {model_name(model)!r} has the fingerprint {expected}; vectors mean "
                "nothing to another model, so make them again with this one."
            )
            raise ModelError(msg)
    with safe_open(path, framework="pt") as file:
        return [
            SteeringVector(
                each["hook_point"],
                file.get_tensor(str(n)),
                tuple(each["position"]) if isinstance(each["position"], list) else each["position"],
                each["when"],
            )
            for n, each in enumerate(json.loads(header["vectors"]))
        ]
