"""Sweep with several workers, each of which loads the model once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformer_lens.model_bridge import TransformerBridge

from rater.runners.runner import Runner, in_order
from rater.steering.bridge import load_model
from rater.steering.sweep_results import SweepOutcome, SweepSetting
from rater.steering.sweeps import resolve_settings, sweep


@dataclass(frozen=True)
class ModelSource:
    """Loads a model where a worker runs.

    Attributes:
        name: The model's name or folder.
        device: The device; None for a GPU if there is one.
        dtype: The type of the weights, such as ``bfloat16``; None for the checkpoint's.
    """

    name: str
    device: str | None = None
    dtype: str | None = None

    def load(self) -> TransformerBridge:
        """Load the model.

        Raises:
            ModelError: as `rater.steering.bridge.load_model`.
        """
        dtype = None if self.dtype is None else getattr(torch, self.dtype)
        return load_model(self.name, device=self.device, dtype=dtype)


def sweep_with_workers(
    runner: Runner,
    source: ModelSource,
    settings: Sequence[SweepSetting],
    *,
    with_unsteered: bool = True,
    **given: Any,
) -> Iterator[SweepOutcome]:
    """Yield the outcomes that `rater.steering.sweeps.sweep` would, in its order; a setting is a task.

    Args:
        runner: Runs the tasks.
        source: The model.
        settings: The settings.
        with_unsteered: Whether the unsteered model is measured, first.
        given: The further arguments of `sweep`.

    Raises:
        ModelError: a setting does not fit the model or a prompt. Every worker checks all of them when it has
            loaded the model.
    """
    tasks: list[SweepSetting | None] = [*([None] if with_unsteered else []), *settings]
    yield from in_order(runner.run(_SweepJob(source, tuple(settings), given), tasks))


@dataclass(frozen=True)
class _SweepJob:
    source: ModelSource
    settings: Sequence[SweepSetting]
    given: Mapping[str, Any]

    def __call__(self) -> Callable[[SweepSetting | None], SweepOutcome]:
        model = self.source.load()
        checked = {name: self.given[name] for name in ("prompts", "additions", "sampling", "chat")}
        resolve_settings(model, settings=self.settings, **checked)

        def measure(setting: SweepSetting | None) -> SweepOutcome:
            alone = [] if setting is None else [setting]
            (outcome,) = sweep(model, settings=alone, with_unsteered=setting is None, **self.given)
            return outcome

        return measure
