from dataclasses import replace
from typing import Any

import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

from rater.embedded_model import EMBEDDED_MODEL
from rater.errors import ModelError
from rater.runners.processes import LocalProcesses
from rater.steering.completions import Draws
from rater.steering.sweep_results import SweepOutcome, SweepSetting
from rater.steering.sweep_workers import ModelSource, sweep_with_workers
from rater.steering.sweeps import sweep
from rater.study.arms import XVector

LOVE = XVector("Love", "Hate", coeff=5, at=6)
SETTINGS = [SweepSetting(6, 1.0), SweepSetting(6, 9.0), SweepSetting(9, 9.0)]
SOURCE = ModelSource(EMBEDDED_MODEL, "cpu", "float32")
GIVEN: dict[str, Any] = {
    "prompts": ["I hate you because"],
    "additions": [LOVE],
    "sampling": Draws(max_new_tokens=4, temperature=0),
    "chat": False,
    "score": len,
    "keep_texts": True,
}


def rounded(outcome: SweepOutcome) -> tuple[object, ...]:
    """Return what a file of a sweep has; further decimals depend on the number of threads."""
    numbers = (outcome.kl, outcome.nll, outcome.repetition, outcome.score)
    return (outcome.setting, outcome.texts, *(None if each is None else round(each, 3) for each in numbers))


@pytest.mark.model
def test_workers_measure_what_one_process_does_in_its_order(embedded_model: TransformerBridge) -> None:
    alone = list(sweep(embedded_model, settings=SETTINGS, **GIVEN))

    with LocalProcesses(2) as runner:
        together = list(sweep_with_workers(runner, SOURCE, SETTINGS, **GIVEN))
        with pytest.raises(ModelError, match="30"):
            list(sweep_with_workers(runner, SOURCE, [*SETTINGS, SweepSetting(30, 1.0)], **GIVEN))

    assert list(map(rounded, together)) == list(map(rounded, alone))


@pytest.mark.model
def test_a_source_loads_its_model_in_its_type(embedded_model: TransformerBridge) -> None:
    loaded = replace(SOURCE, dtype="bfloat16").load()

    assert next(loaded.parameters()).dtype == torch.bfloat16
    assert next(embedded_model.parameters()).dtype == torch.float32
