"""Recognise errors that mean that memory ran out, and report them."""

import torch

from rater.errors import ModelError

# Phrases of PyTorch's RuntimeErrors on Linux, Windows and Apple's GPUs, and of cuBLAS and cuDNN. CUDA has an
# error class of its own.
_PHRASES = ("can't allocate memory", "not enough memory", "out of memory", "STATUS_ALLOC_FAILED")


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
