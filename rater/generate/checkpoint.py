"""Read what a model's checkpoint holds off its files, without torch: how many weights, in which type."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rater.embedded import EMBEDDED_MODEL, embedded_model_path

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
"""The types that weights may be loaded in, and the bytes that a number takes in them."""
_STORED = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}
"""How safetensors calls them."""
_INDICES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_WHOLE = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class Checkpoint:
    """A model's weights, as they lie on the disk."""

    n_weights: int
    dtype: str
    """What they are loaded in unless another is asked for: what the configuration says, else as stored."""
    config: Mapping[str, Any]

    def n_bytes(self, dtype: str | None = None) -> int:
        """Give the bytes that the weights take in a type; None for their own."""
        return self.n_weights * BYTES.get(dtype or self.dtype, 4)


def read_checkpoint(model: str) -> Checkpoint | None:
    """Read a checkpoint's configuration and its files' headers; None where it does not lie on this disk."""
    folder = _folder(model)
    if folder is None:
        return None
    try:
        return _read(folder)
    except (OSError, ValueError, AttributeError, KeyError, TypeError):  # damaged: whoever loads it will say
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
    n_weights = sum(counts.values()) or sum(map(_size, files)) // BYTES.get(own, 4)
    return Checkpoint(n_weights, own, config)


def _folder(model: str) -> Path | None:
    """Find the folder of a model that lies on this disk, in the hub's cache too."""
    if model == EMBEDDED_MODEL:
        return embedded_model_path()
    if Path(model).is_dir():
        return Path(model)
    try:
        from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 (may not be installed)

        found = try_to_load_from_cache(model, "config.json")
    except (ImportError, ValueError):  # no such name is possible
        return None
    return Path(found).parent if isinstance(found, str) else None


def _weight_files(folder: Path) -> Sequence[Path]:
    """List the files that transformers would load; a folder may hold the same weights in several forms."""
    for whole, index in zip(_WHOLE, _INDICES, strict=True):
        if (folder / whole).is_file():
            return [folder / whole]
        if (folder / index).is_file():
            parts = json.loads((folder / index).read_text(encoding="utf-8"))["weight_map"].values()
            return [folder / name for name in sorted(set(parts))]
    return []


def _count(file: Path) -> dict[str, int]:
    """Count the numbers of each type in a safetensors file: a length of eight bytes, then JSON.

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


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0
