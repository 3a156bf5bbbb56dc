"""Steer a language model by adding activations to its residual stream, and sample from it.

The names are exported lazily: importing `rater.steering` loads no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rater.steering.additions import BosOnlyWarning as BosOnlyWarning
    from rater.steering.additions import resolve as resolve
    from rater.steering.bridge import load_model as load_model
    from rater.steering.comparisons import print_n_comparisons as print_n_comparisons
    from rater.steering.completions import ArmCompletion as ArmCompletion
    from rater.steering.completions import Draws as Draws
    from rater.steering.completions import Measurements as Measurements
    from rater.steering.completions import generate as generate
    from rater.steering.context import Steering as Steering
    from rater.steering.context import steer as steer
    from rater.steering.effects import Focus as Focus
    from rater.steering.effects import NextTokenEffect as NextTokenEffect
    from rater.steering.effects import PositionNorm as PositionNorm
    from rater.steering.effects import TokenChange as TokenChange
    from rater.steering.effects import count_words as count_words
    from rater.steering.effects import focus as focus
    from rater.steering.effects import kl_divergence as kl_divergence
    from rater.steering.effects import next_token_effect as next_token_effect
    from rater.steering.effects import position_norms as position_norms
    from rater.steering.effects import token_repetition as token_repetition
    from rater.steering.likelihood import completion_nlls as completion_nlls
    from rater.steering.likelihood import text_nll as text_nll
    from rater.steering.pairs import UnequalPairWarning as UnequalPairWarning
    from rater.steering.pairs import get_x_vector as get_x_vector
    from rater.steering.positions import Touch as Touch
    from rater.steering.prefill import next_token_logprobs as next_token_logprobs
    from rater.steering.vector_files import load_vectors as load_vectors
    from rater.steering.vector_files import read_header as read_header
    from rater.steering.vector_files import save_vectors as save_vectors
    from rater.steering.vectors import SteeringVector as SteeringVector
    from rater.steering.vectors import random_like as random_like
    from rater.steering.vectors import residual_norm as residual_norm
    from rater.study.arms import ActivationAddition as ActivationAddition
    from rater.study.arms import DatasetVector as DatasetVector
    from rater.study.arms import RandomVector as RandomVector
    from rater.study.arms import VectorFile as VectorFile
    from rater.study.arms import XVector as XVector

_HOME = {
    "ActivationAddition": "rater.study.arms",
    "ArmCompletion": "rater.steering.completions",
    "BosOnlyWarning": "rater.steering.additions",
    "DatasetVector": "rater.study.arms",
    "Draws": "rater.steering.completions",
    "Focus": "rater.steering.effects",
    "Measurements": "rater.steering.completions",
    "NextTokenEffect": "rater.steering.effects",
    "PositionNorm": "rater.steering.effects",
    "RandomVector": "rater.study.arms",
    "Steering": "rater.steering.context",
    "SteeringVector": "rater.steering.vectors",
    "TokenChange": "rater.steering.effects",
    "Touch": "rater.steering.positions",
    "UnequalPairWarning": "rater.steering.pairs",
    "VectorFile": "rater.study.arms",
    "XVector": "rater.study.arms",
    "completion_nlls": "rater.steering.likelihood",
    "count_words": "rater.steering.effects",
    "focus": "rater.steering.effects",
    "generate": "rater.steering.completions",
    "get_x_vector": "rater.steering.pairs",
    "kl_divergence": "rater.steering.effects",
    "load_model": "rater.steering.bridge",
    "load_vectors": "rater.steering.vector_files",
    "next_token_effect": "rater.steering.effects",
    "next_token_logprobs": "rater.steering.prefill",
    "position_norms": "rater.steering.effects",
    "print_n_comparisons": "rater.steering.comparisons",
    "random_like": "rater.steering.vectors",
    "read_header": "rater.steering.vector_files",
    "token_repetition": "rater.steering.effects",
    "residual_norm": "rater.steering.vectors",
    "resolve": "rater.steering.additions",
    "save_vectors": "rater.steering.vector_files",
    "steer": "rater.steering.context",
    "text_nll": "rater.steering.likelihood",
}

__all__ = [*_HOME]  # noqa: PLE0604 (one list serves both the lazy look-up and the export)


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    msg = f"module 'rater.steering' has no attribute {name!r}"
    raise AttributeError(msg)
