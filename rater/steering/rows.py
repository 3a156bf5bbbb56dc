"""Rows and completions: the input and output of sampling, and their random streams."""

import hashlib
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from rater.steering.additions import SteeringVector

K = TypeVar("K")
StopReason = Literal["eos", "length"]


@dataclass(frozen=True)
class Row(Generic[K]):
    """A completion to be generated."""

    key: K
    """The caller's key, returned with the completion."""
    prompt: str
    vectors: tuple[SteeringVector, ...]
    """Vectors added to the prompt. Rows with the identical tuple share a prefill."""
    seed: int
    """Seed of its own random stream."""
    place: str = "The prompt"
    """Place of the prompt in the study, such as ``prompts[3]``, for error messages."""


@dataclass(frozen=True)
class Completion(Generic[K]):
    """A generated completion."""

    key: K
    prompt: str
    """The text it continues, as in its row."""
    token_ids: tuple[int, ...]
    """New tokens, including the one that ended the completion."""
    text: str
    """New tokens as text, without the prompt and special tokens, with white space."""
    stop_reason: StopReason
    nll: float | None = None
    """Mean negative log-likelihood after its prompt under the unsteered model, in nats per token.

    None if it was steered or not measured.
    """


def completion_seed(study_seed: int, prompt: str, sample: int) -> int:
    """Return the seed of a completion's random stream: 63 bits of a SHA-256 of the three arguments.

    The arm is not an argument: the arms of a sample share their random numbers, which removes sampling noise
    from their differences (common random numbers, as in llm-steering).
    """
    name = f"{study_seed}/{sample}/{prompt}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 1


def uniforms(seed: int, n: int) -> npt.NDArray[np.float64]:
    """Return a row's random numbers in [0, 1), one per token: Philox, the same on every machine."""
    return np.random.Generator(np.random.Philox(seed)).random(n)
