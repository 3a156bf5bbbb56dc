"""Generate the completions of a study that are missing, model by model, and describe the work beforehand."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rater.embedded_model import count_layers
from rater.errors import ModelError
from rater.generate.completion_store import SealedStore
from rater.generate.engines.protocol import EngineName
from rater.generate.estimate import (
    GenerationEstimate,
    default_batch_size,
    describe,
    estimate,
    free_memory,
    is_cpu,
    too_little_memory,
)
from rater.generate.freeze import (
    cells_by_model,
    first_samples,
    freeze,
    look,
    take_external_completions,
)
from rater.publish.publish import require_key
from rater.publish.texts import count_generated, describe_same_texts
from rater.store.engine import disposing, reading
from rater.store.sealed.completions import Cell, read_completions
from rater.store.sealed.generation_lock import GenerationLock
from rater.store.sealed.open import open_sealed
from rater.store.sealed.studies import get_sealed_study
from rater.study.study import Study
from rater.study.study_checks import require_effects, require_hook_points
from rater.workspace.databases import Databases

if TYPE_CHECKING:
    from rater.generate.completion_store import CompletionStore, Versions
    from rater.generate.engines.protocol import GenerationEngine
    from rater.generate.parallel import GenerationJob
    from rater.runners.runner import Runner


class Progress(Protocol):
    """Receives the progress of one model's completions."""

    def on_tokens(self, n: int) -> None:
        """Receive the number of tokens generated since the last call."""

    def on_completion(self, n_tokens: int) -> None:
        """Receive the length of a completion that was saved."""


class _Silent:
    def on_tokens(self, n: int) -> None:
        pass

    def on_completion(self, n_tokens: int) -> None:
        pass


Loader = Callable[[str], "GenerationEngine"]
"""Loads a model by its name, into an engine."""
ShowProgress = Callable[[Study, int, int], AbstractContextManager[Progress]]
"""Shows the progress of one model: the study, completions saved before, completions to generate."""


def show_nothing(_study: Study, _n_saved: int, _n_to_generate: int) -> AbstractContextManager[Progress]:
    """Return a progress that shows nothing."""
    return nullcontext(_Silent())


@dataclass(frozen=True, kw_only=True)
class GenerationOptions:
    """Options of one run of the generator.

    Attributes:
        engine: The engine that generates.
        tensor_parallel: GPUs that share each layer of the model; only with the engine vllm.
        batch_size: Completions that are decoded together; None chooses by the study.
        device: Device of the model, such as ``cpu`` or ``cuda:1``; ``auto`` divides its layers over all GPUs;
            None takes a GPU where there is one.
        dtype: Type of the weights: float32, bfloat16 or float16; None keeps the checkpoint's.
        limit: Completions generated in this run at most, balanced over prompts and arms.
        restart: Whether the completions of an unpublished study are thrown away first.
        runner: Runs tasks of completions in several workers; None generates in this process.
    """

    engine: EngineName = EngineName.TORCH
    tensor_parallel: int = 1
    batch_size: int | None = None
    device: str | None = None
    dtype: str | None = None
    limit: int | None = None
    restart: bool = False
    runner: "Runner | None" = None

    def rows_of(self, n_completions: int) -> int:
        """Return how many of some completions are decoded together."""
        return min(self.batch_size or default_batch_size(n_completions, self.engine), n_completions)


@dataclass(frozen=True, kw_only=True)
class Generated:
    """The state of a study's completions after a run of the generator."""

    name: str
    n_planned: int
    n_before: int
    """Completions saved before this run."""
    n_saved: int
    """Completions saved now, those of earlier runs included."""
    is_published: bool
    same_texts: tuple[str, ...]
    """Warnings about texts that raters would read twice."""

    @property
    def is_complete(self) -> bool:
        """Return whether no completion is missing."""
        return self.n_saved == self.n_planned


def load_engine(name: str, options: GenerationOptions) -> "GenerationEngine":
    """Load a model into an engine, and print nothing; the command line has a loader that prints.

    Raises:
        ModelError: what runs it is not installed, or it cannot be loaded.
    """
    if options.engine == EngineName.VLLM:
        return _load_vllm(name, options)
    import torch

    from rater.generate.engines.torch_engine import TorchEngine
    from rater.steering.bridge import load_model

    dtype = None if options.dtype is None else getattr(torch, options.dtype)
    return TorchEngine(load_model(name, device=options.device, dtype=dtype))


def _load_vllm(name: str, options: GenerationOptions) -> "GenerationEngine":
    from rater.generate.engines.vllm_engine import VllmEngine

    engine = VllmEngine(name, dtype=options.dtype, tensor_parallel=options.tensor_parallel)
    if options.device not in {None, engine.device}:
        msg = (
            f"The device is {options.device!r}, but the vLLM that is installed runs on {engine.device}. "
            "Leave --device out: --tensor-parallel N uses several GPUs, and the variable "
            "CUDA_VISIBLE_DEVICES chooses among them."
        )
        raise ModelError(msg)
    return engine


def require_engine(study: Study, options: GenerationOptions) -> None:
    """Check that the chosen engine can generate a study, before a model is loaded.

    Raises:
        ModelError: it cannot; with what and why.
    """
    if options.engine == EngineName.VLLM:
        from rater.generate.engines.vllm_mapping import require_mappable

        require_mappable(study)
    elif options.tensor_parallel > 1:
        msg = (
            f"tensor_parallel is {options.tensor_parallel}, but the engine torch divides no layers. Use "
            "--device auto, which divides the model between its layers, or --engine vllm."
        )
        raise ModelError(msg)


def generate_study(
    databases: Databases,
    study: Study,
    folder: Path,
    options: GenerationOptions,
    *,
    load: Loader | None = None,
    progress: ShowProgress = show_nothing,
    on_resume: Callable[[int, int], None] = lambda _n_saved, _n_planned: None,
) -> Generated:
    """Generate every completion of a study that is missing; stop it at any time, and call it again.

    Args:
        databases: The two databases; the rating database is only asked whether the study is published.
        study: The study.
        folder: The folder against which the study's files of external completions are resolved.
        options: Options of this run.
        load: Loads a model by its name; by default `load_engine`.
        progress: Shows the progress of one model.
        on_resume: Called once with the completions saved and planned, where a study is continued.

    Raises:
        RaterError: the study, its model, a file of external completions or a database is not usable.
    """
    load = load or (lambda name: load_engine(name, options))
    _require_usable(databases, study, options)
    with GenerationLock(databases.sealed_url, study.name) as lock:
        # the model is loaded before anything is thrown away or saved: one that is missing must cost nothing
        loaded = _load_first(databases.sealed_url, study, load, options)
        lock.acquire()
        missing = freeze(databases.sealed_url, study, now=datetime.now(UTC), restart=options.restart)
        if missing.cells and missing.n_made:
            on_resume(missing.n_made, study.n_completions)
        to_generate = take_external_completions(
            databases.sealed_url, study, missing, folder, now=datetime.now(UTC)
        )
        n_saved = study.n_completions - len(to_generate.cells)
        if options.limit is not None:
            to_generate = first_samples(to_generate, options.limit)
        if to_generate.cells:
            with SealedStore(databases.sealed_url, missing.study_id) as store:
                generate_cells(
                    store,
                    study,
                    to_generate.cells,
                    options,
                    load=load,
                    loaded=loaded,
                    progress=progress,
                    n_saved=n_saved,
                )
            n_saved += len(to_generate.cells)
    return Generated(
        name=study.name,
        n_planned=study.n_completions,
        n_before=missing.n_made,
        n_saved=n_saved,
        is_published=missing.is_published,
        same_texts=_find_same_texts(databases.sealed_url, study),
    )


def _load_first(
    sealed_url: str, study: Study, load: Loader, options: GenerationOptions
) -> dict[str, "GenerationEngine"]:
    """Load the first model that missing completions need; in a worker, and only before a restart, if any."""
    before = look(sealed_url, study, restart=options.restart)
    first = next(iter(cells_by_model(study, before.cells)), None)
    if first is None:
        return {}
    if options.runner is None:
        return {first: load(first)}
    if options.restart:
        from rater.generate.parallel import require_loadable

        require_loadable(options.runner, _job(study, options, {}), first)
    return {}


def _job(
    study: Study, options: GenerationOptions, earlier: "Mapping[str, Sequence[Versions]]"
) -> "GenerationJob":
    """Return the job of workers, which load models as `load_engine` does."""
    from rater.generate.parallel import GenerationJob

    return GenerationJob(study, partial(load_engine, options=replace(options, runner=None)), earlier)


def _find_same_texts(sealed_url: str, study: Study) -> tuple[str, ...]:
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        completions = read_completions(session, get_sealed_study(session, study.name).id)
    return tuple(describe_same_texts(count_generated(study, completions)))


def describe_generation(databases: Databases, study: Study, options: GenerationOptions) -> Iterator[str]:
    """Describe what a run would generate, with which models, and roughly what it takes; generate nothing."""
    _require_usable(databases, study, options)
    missing = look(databases.sealed_url, study, restart=options.restart)
    by_model: Mapping[str, list[Cell]] = cells_by_model(study, missing.cells)
    generated_here = [cell for cells in by_model.values() for cell in cells]
    n_external = len(missing.cells) - len(generated_here)
    yield (
        f"Study {study.name}: {missing.n_made} of {study.n_completions} completions are saved, "
        f"{len(missing.cells)} are missing. Nothing is generated now."
    )
    if n_external:
        yield f"{n_external} of them would be read from files."
    limit = len(generated_here) if options.limit is None else options.limit
    chosen = first_samples(replace(missing, cells=generated_here), limit)
    yield from describe_costs(study, chosen.cells, options)


def estimate_costs(
    study: Study, cells: Sequence[Cell], options: GenerationOptions
) -> Iterator[GenerationEstimate]:
    """Estimate tokens, memory and time of generating completions with the engine of the options, by model."""
    for name, of_model in cells_by_model(study, cells).items():
        yield estimate(
            study,
            name,
            of_model,
            batch_size=options.rows_of(len(of_model)),
            engine=options.engine,
            device=options.device,
            dtype=options.dtype,
        )


def describe_costs(study: Study, cells: Sequence[Cell], options: GenerationOptions) -> Iterator[str]:
    """Describe the estimates as lines of text, with a warning where memory does not suffice."""
    free = free_memory()
    for expected in estimate_costs(study, cells, options):
        yield from describe(expected, free=free)
        lack = (
            too_little_memory(expected.model, options.dtype, free=free) if is_cpu(expected.device) else None
        )
        if lack:
            yield f"  Warning: {lack}"


def _require_usable(databases: Databases, study: Study, options: GenerationOptions) -> None:
    """Refuse a study whose key is lost, or that the model or the engine cannot generate as declared."""
    require_key(databases.sealed_url, databases.rating_url, study.name)
    require_hook_points(study, count_layers(study.model))
    require_effects(study)
    require_engine(study, options)


def generate_cells(
    store: "CompletionStore",
    study: Study,
    cells: Sequence[Cell],
    options: GenerationOptions,
    *,
    load: Loader,
    loaded: dict[str, "GenerationEngine"],
    progress: ShowProgress,
    n_saved: int,
) -> None:
    """Generate completions, model by model, with one model in memory at a time.

    Args:
        store: Where completions are saved.
        study: The study.
        cells: The completions to generate.
        options: Options of this run.
        load: Loads a model by its name.
        loaded: The first model by its name, if it is loaded already; it is taken out of here.
        progress: Shows the progress of one model.
        n_saved: The number of completions that are saved already, for the progress.
    """
    if options.runner is not None:
        _generate_in_parallel(store, study, cells, options, progress=progress, n_saved=n_saved)
        return
    from rater.generate.make import make_completions

    for name, of_model in cells_by_model(study, cells).items():
        engine = loaded.pop(name, None)
        if engine is None:
            loaded.clear()
            gc.collect()  # a model refers to itself; the next one may need its memory
            engine = load(name)
        with progress(study, n_saved, len(of_model)) as shown:
            make_completions(
                store,
                study,
                of_model,
                engine,
                batch_size=options.rows_of(len(of_model)),
                clock=lambda: datetime.now(UTC),
                on_tokens=shown.on_tokens,
                on_completion=shown.on_completion,
            )
        n_saved += len(of_model)
        del engine


def _generate_in_parallel(
    store: "CompletionStore",
    study: Study,
    cells: Sequence[Cell],
    options: GenerationOptions,
    *,
    progress: ShowProgress,
    n_saved: int,
) -> None:
    """Generate completions with the workers of the options, model by model."""
    from rater.generate.parallel import divide_cells, make_in_parallel

    assert options.runner is not None  # noqa: S101 (only called with workers)
    job = _job(study, options, store.versions_by_arm())
    for name, of_model in cells_by_model(study, cells).items():
        batch_size = options.rows_of(len(of_model))
        tasks = divide_cells(name, of_model, batch_size=batch_size, n_workers=options.runner.n_workers)
        with progress(study, n_saved, len(of_model)) as shown:

            def on_completion(n_tokens: int, shown: Progress = shown) -> None:
                shown.on_tokens(n_tokens)
                shown.on_completion(n_tokens)

            make_in_parallel(
                store,
                job,
                tasks,
                options.runner,
                clock=lambda: datetime.now(UTC),
                on_completion=on_completion,
            )
        n_saved += len(of_model)
