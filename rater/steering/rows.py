"""Say what one completion is made from and what it is: rows, completions and their random streams."""

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
    """One completion to be made."""

    key: K
    """What the caller knows it by; handed back untouched."""
    prompt: str
    vectors: tuple[SteeringVector, ...]
    """What is added to the prompt. Rows that share the very tuple share a prefill."""
    seed: int
    """The seed of its own random stream."""
    place: str = "The prompt"
    """Where the prompt is declared, such as ``prompts[3]``, for error messages."""


@dataclass(frozen=True)
class Completion(Generic[K]):
    """One completion, made."""

    key: K
    prompt: str
    """What it goes on from, as its row had it."""
    token_ids: tuple[int, ...]
    """The new tokens, the one that ended it included."""
    text: str
    """The new tokens as text: without the prompt and special tokens, white space kept."""
    stop_reason: StopReason
    nll: float | None = None
    """Mean negative log-likelihood of its tokens after its prompt, in nats per token, where it was asked for
    and nothing was added: under the unsteered model that made it."""


def completion_seed(study_seed: int, prompt: str, sample: int) -> int:
    """Derive the seed of a completion's random stream: 63 bits of SHA-256 over its three names.

    The arm is not among them: the arms of a sample draw the same random numbers, so that they differ by what
    was done to the model and by less chance (common random numbers, as in the seed system).
    """
    name = f"{study_seed}/{sample}/{prompt}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 1


def uniforms(seed: int, n: int) -> npt.NDArray[np.float64]:
    """Draw a row's random numbers in [0, 1), one for each token: Philox, the same on every machine."""
    return np.random.Generator(np.random.Philox(seed)).random(n)
