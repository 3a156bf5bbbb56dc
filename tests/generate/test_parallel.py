from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import cloudpickle
import pytest

from rater.errors import StateError
from rater.generate.freeze import list_cells
from rater.generate.parallel import (
    GeneratedTask,
    GenerationJob,
    GenerationTask,
    divide_cells,
    make_in_parallel,
)
from rater.store.sealed.completions import Cell
from rater.study.study import Study
from tests.generate.shards import USE, VERSIONS, completion

NOW = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(("batch_size", "n_workers", "sizes"), [(8, 1, [8, 8, 8]), (64, 2, [12, 12])])
def test_tasks_have_whole_samples_and_as_many_for_each_worker(
    study: Study, batch_size: int, n_workers: int, sizes: list[int]
) -> None:
    cells = list_cells(study)

    tasks = divide_cells(study.model, cells, batch_size=batch_size, n_workers=n_workers)

    assert [len(task.cells) for task in tasks] == sizes
    assert sorted(cell for task in tasks for cell in task.cells) == sorted(cells)
    for task in tasks:
        arms: dict[tuple[int, int], set[str]] = {}
        for cell in task.cells:
            arms.setdefault((cell.prompt_index, cell.sample), set()).add(cell.arm)
        assert set(map(frozenset, arms.values())) == {frozenset(study.arm_names)}


class Workers:
    """Results of tasks, in an order of their own."""

    n_workers = 2

    def __init__(self, results: Sequence[Any]) -> None:
        self._results = results

    def run(self, _job: Callable[[], Any], _tasks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        yield from enumerate(self._results)


class Store(GeneratedTask):
    """Keeps what is saved, and the ends of runs."""

    n_runs = 0

    def end_run(self, *_: Any, **__: Any) -> None:
        self.n_runs += 1


def made_with(cell: Cell, **versions: str) -> GeneratedTask:
    return GeneratedTask({}, [completion(cell)], {**VERSIONS, **versions}, USE)


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        ({"torch": "2.12.0"}, r"A worker has torch 2\.12\.0, but another one has 2\.13\.0"),
        ({"rater": "0.0.9"}, "A worker has rater 0.0.9"),
        ({"dtype": "torch.bfloat16"}, "A worker has dtype"),
        ({"device": "cuda:0"}, "A worker has device cuda, but another one has cpu"),
    ],
)
def test_workers_with_other_versions_are_refused_before_their_rows_are_saved(
    study: Study, versions: dict[str, str], message: str
) -> None:
    store, (one, other) = Store({}), list_cells(study)[:2]
    runner = Workers([made_with(one), made_with(other, **versions)])

    with pytest.raises(StateError, match=message):
        make_in_parallel(
            store,
            GenerationJob(study, lambda _: NotImplemented, {}),
            [GenerationTask("m", [one]), GenerationTask("m", [other])],
            runner,
            clock=lambda: NOW,
            on_completion=lambda _: None,
        )

    assert [each.cell for each in store.completions] == [one]
    assert store.n_runs == 0


def test_what_workers_get_holds_nothing_of_a_publication(study_in_progress: Study, sealed_url: str) -> None:
    from sqlalchemy import select  # noqa: PLC0415 (here only)

    from rater.store.engine import disposing, reading  # noqa: PLC0415 (as above)
    from rater.store.sealed.open import open_sealed  # noqa: PLC0415 (as above)
    from rater.store.sealed.schema import Publication  # noqa: PLC0415 (as above)

    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        secrets = session.execute(select(Publication.seed, Publication.salt)).one()
    tasks = divide_cells("m", list_cells(study_in_progress), batch_size=4, n_workers=2)

    sent = cloudpickle.dumps([GenerationJob(study_in_progress, len, {}), tasks])  # type: ignore[arg-type] # any function

    assert study_in_progress.name.encode() in sent
    assert not any(str(secret).encode() in sent for secret in secrets)
