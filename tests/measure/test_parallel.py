from collections.abc import Callable
from pathlib import Path

import pytest

from rater.errors import StudyError
from rater.measure.metric import Shown, TextMetric
from rater.measure.parallel import measure_in_parallel
from rater.measure.run import measure_study
from rater.runners.processes import LocalProcesses
from rater.runners.runner import InProcess
from rater.store.engine import disposing, reading
from rater.store.sealed.measurements import read_measurements, read_metrics
from rater.store.sealed.open import open_sealed
from rater.study.study import Study

UNITS = [(Shown("a prompt", "x" * number),) for number in range(150)]


def length(text: str) -> float | str:
    return float(len(text)) if len(text) % 7 else "a seventh"


def refuse(text: str) -> float:
    message = f"the text has {len(text)} characters; valid: none"
    raise StudyError(message)


def test_units_keep_their_indices_in_tasks() -> None:
    metric = TextMetric(length, "length")

    assert dict(measure_in_parallel(metric, UNITS, InProcess())) == dict(metric.measure(UNITS))
    assert list(measure_in_parallel(metric, [], InProcess())) == []


def test_workers_store_the_values_of_one_process(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str
) -> None:
    seal_completions(study)

    with LocalProcesses(2) as runner:
        many = measure_study(sealed_url, study.name, TextMetric(length, "length"), name="many", runner=runner)
    one = measure_study(sealed_url, study.name, TextMetric(length, "length"), name="one")

    assert many.is_complete
    assert (many.n_values, many.failed) == (one.n_values, one.failed)
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        values = [
            {(each.texts, each.value, each.reason) for each in read_measurements(session, kept.id)}
            for kept in read_metrics(session, 1)
        ]
    assert values[0] == values[1]


def test_an_error_of_a_metric_is_its_own(tmp_path: Path) -> None:
    with LocalProcesses(1) as runner, pytest.raises(StudyError, match="valid: none"):
        list(measure_in_parallel(TextMetric(refuse, "refuse"), UNITS, runner))
