import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from rater.errors import StateError
from rater.generate.freeze import freeze, list_cells
from rater.generate.gather import gather
from rater.generate.shard_file import ShardFile, ShardHeader, shard_path
from rater.generate.shards import Shard, list_shard
from rater.store.engine import disposing, reading
from rater.store.sealed.completions import read_cells
from rater.store.sealed.compute import ComputeUse, read_compute
from rater.store.sealed.open import open_sealed
from rater.store.sealed.schema import CompletionRow
from rater.study.study import Study
from tests.generate.shards import NOW, USE, VERSIONS, completion, write_shard, write_shards


def test_all_shards_together_are_the_whole_study(study: Study, sealed_url: str, tmp_path: Path) -> None:
    write_shards(tmp_path, study, 7)

    gathered = gather(sealed_url, study, tmp_path, now=NOW)

    assert (gathered.n_completions, gathered.n_shards) == (study.n_completions, 7)
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        rows = session.scalars(select(CompletionRow)).all()
        for row in rows:
            made = next(
                completion(c) for c in list_cells(study) if c == (row.prompt_index, row.arm, row.sample)
            )
            found = (row.seed, tuple(row.token_ids), row.text, row.stop_reason, row.nll, row.repetition)
            assert found == (
                made.seed,
                made.token_ids,
                made.text,
                made.stop_reason,
                made.nll,
                made.repetition,
            )
            assert (row.versions, row.created_at) == (VERSIONS, NOW)
        assert len(rows) == study.n_completions
        assert read_compute(session, 1) == ([ComputeUse("cpu", 17.5, 840, 2**30, 7)], 7)


def without_one(folder: Path, study: Study) -> None:
    write_shards(folder, study, 3)[1].unlink()


def unfinished(folder: Path, study: Study) -> None:
    write_shards(folder, study, 3)[1].unlink()
    write_shard(folder, study, Shard(2, 3), n=4)


def of_another_study(folder: Path, study: Study) -> None:
    write_shards(folder, study, 3)
    write_shard(folder, study.model_copy(update={"name": "other"}), Shard(1, 3))


def before_a_change(folder: Path, study: Study) -> None:
    write_shards(folder, study, 2)
    (folder / f"{study.name}.2-of-2.shard.jsonl").unlink()
    write_shard(folder, study.model_copy(update={"title": "Another title"}), Shard(2, 2))


def twice(folder: Path, study: Study) -> None:
    first = write_shards(folder, study, 2)[0]
    (folder / f"copy{''.join(first.suffixes)}").write_bytes(first.read_bytes())


def of_two_divisions(folder: Path, study: Study) -> None:
    write_shards(folder, study, 2)
    write_shard(folder, study, Shard(3, 3))


def in_another_precision(folder: Path, study: Study) -> None:
    write_shards(folder, study, 2)[1].unlink()
    write_shard(folder, study, Shard(2, 2), versions={**VERSIONS, "dtype": "torch.bfloat16"})


def by_another_engine(folder: Path, study: Study) -> None:
    write_shards(folder, study, 2)[1].unlink()
    write_shard(folder, study, Shard(2, 2), versions={**VERSIONS, "engine": "vllm"})


def with_a_changed_text(folder: Path, study: Study) -> None:
    path = write_shards(folder, study, 2)[1]
    path.write_bytes(path.read_bytes().replace(b"fell", b"rose", 1))


def with_a_line_of_another_shard(folder: Path, study: Study) -> None:
    first, second = write_shards(folder, study, 2)
    lines = second.read_text().splitlines(keepends=True)
    foreign = next(line for line in first.read_text().splitlines(keepends=True) if '"arm"' in line)
    lines[2] = foreign
    _end(second, lines)


def with_a_line_twice(folder: Path, study: Study) -> None:
    path = write_shards(folder, study, 2)[1]
    lines = path.read_text().splitlines(keepends=True)
    lines[3] = lines[2]
    _end(path, lines)


def _end(path: Path, lines: list[str]) -> None:
    """Write lines with an end that fits them, as somebody could who knows the format."""
    import hashlib  # noqa: PLC0415 (here only)

    before = "".join(lines[:-1]).encode()
    end = json.loads(lines[-1])["end"]
    path.write_bytes(
        before + json.dumps({"end": end, "sha256": hashlib.sha256(before).hexdigest()}).encode() + b"\n"
    )


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda _folder, _study: None, "has no file of a shard"),
        (without_one, "shard 2 of 3"),
        (unfinished, r"Shard 2/3 is not finished: .* has 4 of its \d+ completions"),
        (of_another_study, "is of study 'other'"),
        (before_a_change, "before its file changed"),
        (twice, "are both shard 1/2"),
        (of_two_divisions, "different divisions: 2 of a division into 2, 1 of a division into 3"),
        (in_another_precision, r"with dtype torch\.bfloat16, but .* with torch\.float32"),
        (by_another_engine, "with engine vllm, but .* with torch"),
        (with_a_changed_text, "the lines before it have changed"),
        (with_a_line_of_another_shard, "is not of this shard"),
        (with_a_line_twice, "is there twice"),
    ],
)
def test_shards_that_do_not_fit_are_refused_and_nothing_is_saved(
    study: Study, sealed_url: str, tmp_path: Path, prepare: Callable[[Path, Study], None], reason: str
) -> None:
    prepare(tmp_path, study)

    with pytest.raises(StateError, match=reason):
        gather(sealed_url, study, tmp_path, now=NOW)

    missing = freeze(sealed_url, study, now=NOW)
    assert missing.n_made == 0


def test_a_study_that_has_completions_is_not_gathered_over(
    study: Study, sealed_url: str, tmp_path: Path, seal_completions: Callable[[Study], None]
) -> None:
    seal_completions(study)
    write_shards(tmp_path, study, 2)

    with pytest.raises(StateError, match="Add --restart"):
        gather(sealed_url, study, tmp_path, now=NOW)
    gather(sealed_url, study, tmp_path, now=NOW, restart=True)

    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        assert len(read_cells(session, 1)) == study.n_completions
        assert set(session.scalars(select(CompletionRow.nll))) == {1.25}


def test_shards_of_two_gpus_of_one_kind_are_gathered(study: Study, sealed_url: str, tmp_path: Path) -> None:
    for number in (1, 2):
        versions = {**VERSIONS, "device": f"cuda:{number - 1}"}
        write_shard(tmp_path, study, Shard(number, 2), versions=versions)

    assert gather(sealed_url, study, tmp_path, now=NOW).n_shards == 2


def test_a_gathered_completion_keeps_the_time_when_it_was_saved(
    study: Study, sealed_url: str, tmp_path: Path
) -> None:
    shard = Shard(1, 1)
    cells = list_shard(study, shard)
    later = NOW + timedelta(minutes=5)
    with ShardFile(
        shard_path(tmp_path, study.name, shard), ShardHeader(study.name, study.hash, shard)
    ) as file:
        file.save([completion(cell) for cell in cells[:2]], VERSIONS, now=NOW)
        file.save([completion(cell) for cell in cells[2:]], VERSIONS, now=later)
        file.end_run(len(cells), VERSIONS, USE, now=later)
        file.end()

    gather(sealed_url, study, tmp_path, now=later)

    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        saved = Counter(session.scalars(select(CompletionRow.created_at)))
    assert saved == {NOW: 2, later: len(cells) - 2}
