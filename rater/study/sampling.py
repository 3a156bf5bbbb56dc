"""Declare how completions are drawn from the model's next-token distribution."""

from typing import Annotated

from pydantic import Field

from rater.study.declaration import Declaration


class Sampling(Declaration):
    """How completions are drawn from the model's next-token distribution."""

    max_new_tokens: Annotated[int, Field(ge=1, le=4_096)] = 50
    """The length at which a completion is cut off, in tokens. (experimenter)"""
    temperature: Annotated[float, Field(ge=0, le=10)] = 1.0
    """What the logits are divided by; 0 is greedy. (experimenter)"""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The share of probability kept: the smallest set of tokens that reaches it. (experimenter)"""
    top_k: Annotated[int | None, Field(default=None, ge=1, exclude_if=lambda k: k is None)] = None
    """How many of the likeliest tokens are kept, before top_p; None for all. (experimenter)"""
    frequency_penalty: Annotated[float, Field(ge=-10, le=10)] = 0.0
    """What is taken off a token's logit for each time it occurred, prompt included. (experimenter)"""
    presence_penalty: Annotated[float, Field(ge=-10, le=10, exclude_if=lambda penalty: penalty == 0)] = 0.0
    """What is taken off a token's logit once if it occurred, prompt included. (experimenter)"""
    samples_per_prompt: Annotated[int, Field(ge=1, le=1_000)] = 4
    """How many completions each arm gives to each prompt. (experimenter)"""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """The seed from which each completion's own seed is derived; public. (experimenter)"""
