"""Save steering vectors and read them back: safetensors with a header, and GGUF control vectors."""

import hashlib
import json
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.bridge import model_name
from rater.steering.fingerprint import model_fingerprint, tokenizer_fingerprint
from rater.steering.gguf_vectors import read_gguf, write_gguf
from rater.steering.vectors import SteeringVector

_FORMAT = "rater steering vectors 1"
_LAYERS = (
    "blocks.N.hook_resid_pre is the residual stream before block N, hook_resid_post after it, N from 0; "
    "positions count tokens, BOS is 0"
)


def save_vectors(
    path: str | Path, vectors: Sequence[SteeringVector], model: TransformerBridge, *, made: str
) -> None:
    """Write vectors to a file, whole or not at all: ``.gguf`` for llama.cpp and repeng, else safetensors.

    Args:
        path: the file; its ending says the format.
        vectors: what to save.
        model: the model that they were made with, and for.
        made: how they were made, in words or as the declared additions; kept in the header (not in GGUF).

    Raises:
        ModelError: there is nothing to save, the format cannot say it, or the file cannot be written.
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
    """Read vectors from a file that `save_vectors`, repeng or llama.cpp wrote for this model.

    Args:
        path: the file; ``.gguf`` is read as a control vector, everything else as safetensors.
        model: the model that will be steered.
        sha256: what the file's SHA-256 must be; None for anything.
        where: where the file is named, such as ``arms[1].additions[0]``, for error messages.

    Raises:
        ModelError: the file is missing, damaged, changed, or made for another model or tokenizer.
    """
    path = Path(path)
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        msg = (
            f"{where} names the file {str(path)!r}, which cannot be read: {error.strerror or error}. "
            "Valid: a file, by its path from the folder in which you are."
        )
        raise ModelError(msg) from error
    if sha256 is not None and found != sha256:
        msg = f"{where} names the file {str(path)!r} with the SHA-256 {sha256}, but the file has {found}."
        raise ModelError(msg)
    if _is_gguf(path):
        return read_gguf(path, model)
    return _read_safetensors(path, model)


def read_header(path: str | Path) -> dict[str, str]:
    """Read what a safetensors file says of its vectors; no model is needed.

    Raises:
        ModelError: it is no such file.
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
