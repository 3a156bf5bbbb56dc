"""Generate shards with the embedded model: together they are what one run makes."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from rater.errors import StateError
from rater.generate.shards import Shard, list_shard
from rater.store.engine import disposing, reading
from rater.store.sealed.open import open_sealed
from rater.store.sealed.schema import CompletionRow
from rater.study.arms import ActivationAddition, ExternalCompletions, Sampling, Steered
from rater.study.study import Study
from rater.workspace import Workspace
from rater.workspace.databases import Databases
from rater.workspace.generation import GenerationOptions, generate_study
from rater.workspace.shards import gather_shards, generate_shard

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
