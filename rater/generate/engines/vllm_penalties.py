"""Penalties for tokens that occurred, also in the prompt, as a logits processor of vLLM.

vLLM's own frequency and presence penalties do not count the prompt, and are subtracted before the division by
the temperature; those of a study are as in TransformerLens (see `rater.steering.draw.penalise_`).
"""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rater.steering.draw import SamplingParameters, penalise_

# By name: vLLM's processes for several GPUs import the class, since its base cannot be imported here.
PROCESSOR = f"{__name__}:PromptPenalties"
PENALTIES = "rater_penalties"
"""The key of a request's penalties in its ``extra_args``."""


@dataclass(frozen=True)
class Penalties:
    """Penalties of logits that are divided by the temperature afterwards; `SamplingParameters` for them."""

    frequency_penalty: float
    presence_penalty: float
    max_new_tokens: int = 1
    temperature: float = 0
    """Nothing is divided here."""
    top_p: float = 1
    top_k: int | None = None

    @classmethod
    def of(cls, sampling: SamplingParameters) -> "Penalties":
        """Return the penalties of a study, times the temperature that will divide them."""
        factor = sampling.temperature or 1
        return cls(sampling.frequency_penalty * factor, sampling.presence_penalty * factor)

    def __bool__(self) -> bool:
        """Return whether anything is subtracted."""
        return bool(self.frequency_penalty or self.presence_penalty)

    def __call__(
        self, prompt_ids: list[int], output_ids: list[int], logits: Float[Tensor, " d_vocab"]
    ) -> Float[Tensor, " d_vocab"]:
        """Subtract them from the logits of the token after a prompt and the tokens generated so far."""
        history = torch.tensor([[*prompt_ids, *output_ids]], device=logits.device)
        return penalise_(logits[None], history, torch.ones_like(history, dtype=torch.bool), self)[0]


def __getattr__(name: str) -> Any:
    """Return the class `PROCESSOR`, which needs vLLM, when it is asked for."""
    if name == "PromptPenalties":
        return _processor_class()
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


@cache
def _processor_class() -> type:
    from vllm.v1.sample.logits_processor import AdapterLogitsProcessor  # noqa: PLC0415 (an optional extra)

    class PromptPenalties(AdapterLogitsProcessor):  # type: ignore[misc] # vLLM is not installed where types are checked
        """Gives each request with penalties its own processor."""

        def is_argmax_invariant(self) -> bool:
            return False

        def new_req_logits_processor(self, params: Any) -> Penalties | None:
            declared = (params.extra_args or {}).get(PENALTIES)
            return None if declared is None else Penalties(*declared)

    return PromptPenalties
