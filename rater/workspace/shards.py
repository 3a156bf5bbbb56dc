"""Generate a shard of a study into a file, and gather the files of all shards."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rater.embedded_model import count_layers
from rater.errors import StateError
from rater.generate.freeze import freeze, take_external_completions
from rater.generate.gather import Gathered, gather
from rater.generate.shard_file import ShardFile, ShardHeader, shard_path
from rater.generate.shards import Shard, list_shard
from rater.publish.publish import require_key
from rater.store.sealed.generation_lock import GenerationLock
from rater.study.arms import ExternalCompletions
from rater.study.study import Study
from rater.study.study_checks import require_effects, require_hook_points
from rater.workspace.databases import Databases
from rater.workspace.generation import (
    GenerationOptions,
    Loader,
    ShowProgress,
    generate_cells,
    load_engine,
    require_engine,
    show_nothing,
)


@dataclass(frozen=True, kw_only=True)
class GeneratedShard:
    """The state of a shard after a run."""

    shard: Shard
    path: Path
    n_completions: int
    n_before: int
    """Completions saved before this run."""


def generate_shard(
    study: Study,
    shard: Shard,
    into: Path,
    options: GenerationOptions,
    *,
    load: Loader | None = None,
    progress: ShowProgress = show_nothing,
    on_resume: Callable[[int, int], None] = lambda _n_saved, _n_planned: None,
) -> GeneratedShard:
    """Generate the missing completions of one shard into a file; no database is opened.

    Args:
        study: The study.
        shard: The shard.
        into: The folder of the files of all shards.
        options: Options of this run.
        load: Loads a model by its name; by default `load_engine`.
        progress: Shows the progress of one model.
        on_resume: Called once with the completions saved and planned, where a shard is continued.

    Raises:
        RaterError: the study, its model or the file is not usable.
    """
    if options.restart or options.limit is not None:
        name, cure = ("--restart", "delete its file") if options.restart else ("--limit", "make more shards")
        msg = f"{name} is not for a shard; {cure} instead."
        raise StateError(msg)
    require_hook_points(study, count_layers(study.model))
    require_effects(study)
    require_engine(study, options)
    path = shard_path(into, study.name, shard)
    cells = list_shard(study, shard)
    with ShardFile(path, ShardHeader(study.name, study.hash, shard)) as file:
        n_before = len(file.cells)
        missing = [cell for cell in cells if cell not in file.cells]
        if missing and n_before:
            on_resume(n_before, len(cells))
        if missing:
            generate_cells(
                file,
                study,
                missing,
                options,
                load=load or (lambda name: load_engine(name, options)),
                loaded={},
                progress=progress,
                n_saved=n_before,
            )
        if not file.is_complete:
            file.end()
    return GeneratedShard(shard=shard, path=path, n_completions=len(cells), n_before=n_before)


def gather_shards(
    databases: Databases, study: Study, study_folder: Path, shards: Path, *, restart: bool = False
) -> Gathered:
    """Merge the files of all shards into the sealed database, and read the arms that come from files.

    Args:
        databases: The two databases; the rating database is only asked whether the study is published.
        study: The study.
        study_folder: The folder against which the study's files of external completions are resolved.
        shards: The folder of the shards.
        restart: Delete the completions of an unpublished study first.

    Raises:
        RaterError: the study is published, or has completions already; a shard is missing or does not fit.
    """
    require_key(databases.sealed_url, databases.rating_url, study.name)
    with GenerationLock(databases.sealed_url, study.name) as lock:
        lock.acquire()
        now = datetime.now(UTC)
        gathered = gather(databases.sealed_url, study, shards, now=now, restart=restart)
        n_external = 0
        if any(isinstance(arm, ExternalCompletions) for arm in study.arms):
            missing = freeze(databases.sealed_url, study, now=now)
            left = take_external_completions(databases.sealed_url, study, missing, study_folder, now=now)
            n_external = len(missing.cells) - len(left.cells)
    return replace(gathered, n_completions=gathered.n_completions + n_external)
