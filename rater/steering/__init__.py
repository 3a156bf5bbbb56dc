"""Steer a language model by adding activations to its residual stream, and sample from it.

The names are exported lazily: importing `rater.steering` loads no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rater.steering.additions import SteeringVector as SteeringVector
    from rater.steering.additions import get_x_vector as get_x_vector
    from rater.steering.additions import resolve as resolve
    from rater.steering.bridge import load_model as load_model
    from rater.steering.prefill import next_token_logprobs as next_token_logprobs
    from rater.steering.rows import Completion as Completion
    from rater.steering.rows import Row as Row
    from rater.steering.rows import completion_seed as completion_seed
    from rater.steering.sampler import generate as generate
    from rater.study.arms import ActivationAddition as ActivationAddition
    from rater.study.arms import XVector as XVector

_HOME = {
    "ActivationAddition": "rater.study.arms",
    "Completion": "rater.steering.rows",
    "Row": "rater.steering.rows",
    "SteeringVector": "rater.steering.additions",
    "XVector": "rater.study.arms",
    "completion_seed": "rater.steering.rows",
    "generate": "rater.steering.sampler",
    "get_x_vector": "rater.steering.additions",
    "load_model": "rater.steering.bridge",
    "next_token_logprobs": "rater.steering.prefill",
    "resolve": "rater.steering.additions",
}

__all__ = [*_HOME]  # noqa: PLE0604 (one list serves both the lazy look-up and the export)


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    msg = f"module 'rater.steering' has no attribute {name!r}"
    raise AttributeError(msg)
