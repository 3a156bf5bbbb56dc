"""Generate a study's completions with several workers; the caller alone saves them.

A task is some completions of one model: whole samples with all arms, so that what is compared is made by one
worker. Each worker loads the model once. The rows are those of a run without workers.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from rater.errors import StateError
from rater.generate.completion_store import CompletionStore, Versions, version_shown
from rater.generate.engines.protocol import GenerationEngine
from rater.runners.runner import Runner, divide
from rater.store.sealed.completions import Cell, NewCompletion
from rater.store.sealed.compute import ComputeUse, sum_by_device
from rater.study.additions import AnyAddition
from rater.study.study import Study

if TYPE_CHECKING:
    from rater.steering.vectors import SteeringVector


@dataclass(frozen=True)
class GenerationTask:
    """Completions of one model, to be decoded together; none only to load the model."""

    model: str
    cells: Sequence[Cell]


@dataclass
class GeneratedTask:
    """The completions of a task; in the worker, the store that they are saved to."""

    earlier: Mapping[str, Sequence[Versions]]
    completions: list[NewCompletion] = field(default_factory=list)
    versions: Versions = field(default_factory=dict)
    use: ComputeUse | None = None

    def versions_by_arm(self) -> Mapping[str, Sequence[Versions]]:
        """Return the versions of completions that were saved before this run."""
        return self.earlier

    def save(self, completions: Sequence[NewCompletion], versions: Versions, *, now: datetime) -> None:  # noqa: ARG002 (the caller saves them, with its own time)
        """Keep completions for the caller."""
        self.completions.extend(completions)
        self.versions = versions

    def end_run(self, n_made: int, versions: Versions, use: ComputeUse, *, now: datetime) -> None:  # noqa: ARG002 (as above)
        """Keep the compute for the caller."""
        self.use = use


@dataclass(frozen=True)
class GenerationJob:
    """Makes the worker that generates tasks.

    Holds what a shard needs: the study's file, and neither database. Nothing of a publication is in it.

    Args:
        study: The study.
        load: Loads a model by its name, into an engine; it must be picklable.
        earlier: The versions of completions that are saved, by arm.
    """

    study: Study
    load: Callable[[str], GenerationEngine]
    earlier: Mapping[str, Sequence[Versions]]

    def __call__(self) -> Callable[[GenerationTask], GeneratedTask]:
        """Return the worker, which keeps the model of its last task."""
        from rater.generate.make import make_completions  # noqa: PLC0415 (imports torch)

        engines: dict[str, GenerationEngine] = {}

        def generate(task: GenerationTask) -> GeneratedTask:
            if task.model not in engines:
                engines.clear()
                engines[task.model] = cast("GenerationEngine", _EngineOfStudy(self.load(task.model)))
            made = GeneratedTask(self.earlier)
            if task.cells:
                make_completions(
                    made,
                    self.study,
                    task.cells,
                    engines[task.model],
                    batch_size=len(task.cells),
                    clock=lambda: datetime.now(UTC),
                    on_tokens=lambda _n: None,
                    on_completion=lambda _n: None,
                )
            return replace(made, earlier={})

        return generate


class _EngineOfStudy:
    """An engine that computes the vectors of each arm of a study once, since every task needs them."""

    def __init__(self, engine: GenerationEngine) -> None:
        self._engine = engine
        self._resolved: dict[str, tuple[SteeringVector, ...]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def resolve(self, additions: Sequence[AnyAddition], *, place: str) -> "tuple[SteeringVector, ...]":
        """Return the vectors of the additions that are declared in a place."""
        if place not in self._resolved:
            self._resolved[place] = self._engine.resolve(additions, place=place)
        return self._resolved[place]


def require_loadable(runner: Runner, job: GenerationJob, model: str) -> None:
    """Load a model in one worker, before anything is thrown away.

    Raises:
        RaterError: it cannot be loaded there.
    """
    for _ in runner.run(job, [GenerationTask(model, ())]):
        pass


def make_in_parallel(
    store: CompletionStore,
    job: GenerationJob,
    tasks: Sequence[GenerationTask],
    runner: Runner,
    *,
    clock: Callable[[], datetime],
    on_completion: Callable[[int], None],
) -> None:
    """Generate tasks of one model, and save the completions of each when it is finished.

    An interruption loses the tasks that run, one for each worker.

    Args:
        store: Where completions are saved.
        job: Makes the workers.
        tasks: The tasks; see `divide_cells`.
        runner: Runs them.
        clock: Returns the current time.
        on_completion: Called with the number of tokens of each stored completion.

    Raises:
        RaterError: an arm does not fit the model, or workers were lost too often.
        StateError: two workers have different versions, kinds of device or precisions.
    """
    first: Versions | None = None
    uses: list[ComputeUse] = []
    for _, made in runner.run(job, tasks):
        first = first or made.versions
        _require_equal(made.versions, first)
        store.save(made.completions, made.versions, now=clock())
        uses += [made.use] if made.use else []
        for each in made.completions:
            on_completion(len(each.token_ids))
    if first is not None:
        for use in sum_by_device(uses):
            n_made = sum(len(task.cells) for task in tasks)
            store.end_run(n_made, first, replace(use, n_runs=1), now=clock())


def divide_cells(
    model: str, cells: Sequence[Cell], *, batch_size: int, n_workers: int
) -> list[GenerationTask]:
    """Divide completions into tasks of whole samples, in the order of the study.

    A task has at most about ``batch_size`` completions. There are as many tasks for each worker, so that all
    workers end at nearly the same time.
    """
    samples: dict[tuple[int, int], list[Cell]] = {}
    for cell in cells:
        samples.setdefault((cell.prompt_index, cell.sample), []).append(cell)
    place = {cell: number for number, cell in enumerate(cells)}
    n_tasks = math.ceil(math.ceil(len(cells) / batch_size) / n_workers) * n_workers
    grouped = list(samples.values())
    tasks = []
    for group in divide(len(grouped), n_tasks):
        own = [cell for number in group for cell in grouped[number]]
        tasks.append(GenerationTask(model, sorted(own, key=place.__getitem__)))
    return tasks


def _require_equal(versions: Versions, first: Versions) -> None:
    for name in sorted({*first, *versions}):
        here, there = version_shown(name, versions), version_shown(name, first)
        if here != there:
            msg = (
                f"A worker has {name} {here}, but another one has {there}. Arms may differ in nothing but "
                "the intervention: give all workers one installation and one kind of device."
            )
            raise StateError(msg)
