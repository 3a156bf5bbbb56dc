"""Generate shards with the embedded model: together they are what one run makes."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from sqlalchemy import select

from rater.errors import ModelError, StateError
from rater.generate.shards import Shard, list_shard
from rater.runners.processes import LocalProcesses
from rater.runners.ray_cluster import ClusterOptions, RayCluster
from rater.store.engine import disposing, reading
from rater.store.sealed.compute import read_compute
from rater.store.sealed.open import open_sealed
from rater.store.sealed.schema import CompletionRow
from rater.study.arms import ActivationAddition, ExternalCompletions, Sampling, Steered
from rater.study.study import Study
from rater.workspace import Workspace
from rater.workspace.databases import Databases
from rater.workspace.generation import GenerationOptions, generate_study
from rater.workspace.shards import gather_shards, generate_shard
from tests.runners.clusters import two_nodes

if TYPE_CHECKING:
    from rater.generate.engines.torch_engine import TorchEngine

OPTIONS = GenerationOptions(batch_size=5)


@pytest.fixture
def short(study: Study) -> Study:
    """Four prompts, two arms, three samples, five tokens; any token can be drawn."""
    love = Steered(additions=(ActivationAddition(2, 6, "Love"),))
    return study.model_copy(
        update={
            "arms": (study.arms[0], love),
            "sampling": Sampling(samples_per_prompt=3, max_new_tokens=5, seed=3),
        }
    )


def read_rows(sealed_url: str) -> list[tuple[object, ...]]:
    """All columns but the number of the row and the time, in the order of the study."""
    columns = [
        column for column in CompletionRow.__table__.columns if column.name not in {"id", "created_at"}
    ]
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        rows = session.execute(
            select(*columns).order_by(CompletionRow.prompt_index, CompletionRow.arm, CompletionRow.sample)
        )
        return [tuple(row) for row in rows]


@pytest.mark.model
def test_shards_have_the_rows_of_one_run(
    short: Study, tmp_path: Path, embedded_engine: "TorchEngine"
) -> None:
    one = Databases(rating_url=f"sqlite:///{tmp_path / 'a.db'}", sealed_url=f"sqlite:///{tmp_path / 'b.db'}")
    many = Databases(rating_url=f"sqlite:///{tmp_path / 'c.db'}", sealed_url=f"sqlite:///{tmp_path / 'd.db'}")
    generate_study(one, short, tmp_path, GenerationOptions(), load=lambda _: embedded_engine)

    for number in range(1, 8):
        made = generate_shard(
            short, Shard(number, 7), tmp_path / "shards", OPTIONS, load=lambda _: embedded_engine
        )
        assert made.n_completions == len(list_shard(short, Shard(number, 7)))
    gathered = gather_shards(many, short, tmp_path, tmp_path / "shards")

    assert gathered.n_completions == short.n_completions
    assert read_rows(many.sealed_url) == read_rows(one.sealed_url)


def in_one_run(study: Study, folder: Path, engine: "TorchEngine") -> list[tuple[object, ...]]:
    """The rows of a run in this process."""
    databases = databases_of(folder, "one")
    generate_study(databases, study, folder, GenerationOptions(), load=lambda _: engine)
    return read_rows(databases.sealed_url)


def databases_of(folder: Path, name: str) -> Databases:
    rating, sealed = (f"sqlite:///{folder / name}-{kind}.db" for kind in ("rating", "sealed"))
    return Databases(rating_url=rating, sealed_url=sealed)


@pytest.mark.model
def test_two_workers_have_the_rows_of_one_run_and_continue_one(
    short: Study, tmp_path: Path, embedded_engine: "TorchEngine"
) -> None:
    many, resumed = databases_of(tmp_path, "many"), []
    wanted = in_one_run(short, tmp_path, embedded_engine)

    with LocalProcesses(2) as runner:
        options = GenerationOptions(batch_size=3, dtype="float32", device="cpu", runner=runner)
        part = generate_study(many, short, tmp_path, replace(options, limit=10))
        whole = generate_study(
            many, short, tmp_path, options, on_resume=lambda *n_saved: resumed.append(n_saved)
        )

    assert (part.n_saved, whole.n_before, whole.is_complete) == (10, 10, True)
    assert resumed == [(10, short.n_completions)]
    assert read_rows(many.sealed_url) == wanted
    with disposing(open_sealed(many.sealed_url)) as sealed, reading(sealed) as session:
        (use,), n_shards = read_compute(session, 1)
    assert (use.device, use.n_runs, n_shards) == ("cpu", 2, 0)
    assert use.n_tokens == sum(len(cast("list[int]", row[5])) for row in wanted)


@pytest.mark.model
def test_a_model_that_no_worker_can_load_leaves_what_was_generated(
    short: Study, tmp_path: Path, embedded_engine: "TorchEngine"
) -> None:
    wanted = in_one_run(short, tmp_path, embedded_engine)
    missing = short.model_copy(update={"model": str(tmp_path / "nowhere")})

    with LocalProcesses(1) as runner, pytest.raises(ModelError, match="nowhere' could not be loaded"):
        generate_study(
            databases_of(tmp_path, "one"), missing, tmp_path, GenerationOptions(runner=runner, restart=True)
        )

    assert read_rows(databases_of(tmp_path, "one").sealed_url) == wanted


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_ray_cluster_that_loses_a_node_has_the_rows_of_one_run(
    short: Study, tmp_path: Path, embedded_engine: "TorchEngine"
) -> None:
    pytest.importorskip("ray")
    on_ray, notes = databases_of(tmp_path, "ray"), list[str]()
    wanted = in_one_run(short, tmp_path, embedded_engine)

    class KillsANode:
        """A progress that kills one of the nodes after four completions."""

        n_saved = 0

        def on_tokens(self, n: int) -> None:
            pass

        def on_completion(self, _n_tokens: int) -> None:
            self.n_saved += 1
            if self.n_saved == 4:
                cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)

    with (
        two_nodes() as cluster,
        RayCluster(ClusterOptions(address=cluster.address), note=notes.append) as runner,
    ):
        options = GenerationOptions(batch_size=2, dtype="float32", device="cpu", runner=runner)
        made = generate_study(on_ray, short, tmp_path, options, progress=lambda *_: nullcontext(KillsANode()))

    assert made.is_complete
    assert any("was lost" in note for note in notes)
    assert read_rows(on_ray.sealed_url) == wanted


@pytest.mark.model
def test_a_shard_that_was_interrupted_is_continued(
    short: Study, tmp_path: Path, embedded_engine: "TorchEngine"
) -> None:
    shard, resumed = Shard(1, 1), []
    whole = generate_shard(short, shard, tmp_path / "whole", OPTIONS, load=lambda _: embedded_engine)
    path = generate_shard(short, shard, tmp_path / "cut", OPTIONS, load=lambda _: embedded_engine).path
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:12]) + lines[12][:20])

    again = generate_shard(
        short,
        shard,
        tmp_path / "cut",
        OPTIONS,
        load=lambda _: embedded_engine,
        on_resume=lambda saved, planned: resumed.append((saved, planned)),
    )

    assert resumed == [(10, short.n_completions)]
    assert again.n_before == 10

    def texts(file: Path) -> list[str]:
        return sorted(line.partition(',"at"')[0] for line in file.read_text().splitlines() if '"arm"' in line)

    assert texts(path) == texts(whole.path)


def test_a_complete_shard_loads_no_model(short: Study, tmp_path: Path) -> None:
    from tests.generate.shards import write_shard  # noqa: PLC0415 (here only)

    write_shard(tmp_path, short, Shard(1, 2))

    def load(_name: str) -> "TorchEngine":
        raise AssertionError

    made = generate_shard(short, Shard(1, 2), tmp_path, OPTIONS, load=load)

    assert made.n_before == made.n_completions


@pytest.mark.parametrize("options", [GenerationOptions(limit=3), GenerationOptions(restart=True)])
def test_options_of_a_whole_study_are_not_for_a_shard(
    short: Study, tmp_path: Path, options: GenerationOptions
) -> None:
    with pytest.raises(StateError, match="is not for a shard"):
        generate_shard(short, Shard(1, 2), tmp_path, options)


def test_arms_from_files_are_read_when_shards_are_gathered(
    study: Study, tmp_path: Path, workspace: Workspace
) -> None:
    from tests.generate.shards import write_shards  # noqa: PLC0415 (here only)

    lines = [
        f'{{"prompt": "{prompt}", "arm": "old", "text": " text {n}"}}\n'
        for prompt in study.prompts
        for n in range(3)
    ]
    (tmp_path / "old.jsonl").write_text("".join(lines))
    arms = (study.arms[0], ExternalCompletions(name="old", path="old.jsonl"))
    mixed = study.model_copy(update={"arms": arms})
    write_shards(tmp_path / "shards", mixed, 2)

    gathered = gather_shards(workspace.databases, mixed, tmp_path, tmp_path / "shards")

    assert gathered.n_completions == mixed.n_completions
    assert {row[2] for row in read_rows(workspace.databases.sealed_url)} == {"zebra-arm", "old"}
