from collections.abc import Callable
from pathlib import Path

import pytest

from rater.errors import DatabaseError, StateError
from rater.generate.shard_file import (
    RecordReader,
    SavedCompletion,
    ShardEnd,
    ShardFile,
    ShardHeader,
    shard_path,
)
from rater.generate.shards import Shard, list_shard
from rater.study.study import Study
from tests.generate.shards import NOW, USE, VERSIONS, completion, write_shard

SHARD = Shard(2, 3)


def test_what_is_saved_is_read_again(study: Study, tmp_path: Path) -> None:
    path = write_shard(tmp_path, study, SHARD)

    records = list(RecordReader(path))

    cells = list_shard(study, SHARD)
    assert records[0] == ShardHeader(study.name, study.hash, SHARD)
    assert [each for each in records if isinstance(each, SavedCompletion)] == [
        SavedCompletion(completion(cell), NOW) for cell in cells
    ]
    assert records[1] == VERSIONS
    assert records[-2] == USE
    assert isinstance(records[-1], ShardEnd)
    assert records[-1].n_completions == len(cells)


def test_only_the_owner_can_read_a_shard(study: Study, tmp_path: Path) -> None:
    path = write_shard(tmp_path, study, SHARD)

    assert path.stat().st_mode & 0o777 == 0o600


def test_names_of_files_sort_by_the_number_of_the_shard(tmp_path: Path) -> None:
    names = [shard_path(tmp_path, "love", Shard(number, 100)).name for number in (9, 10, 100)]

    assert names == sorted(names)
    assert names[0] == "love.009-of-100.shard.jsonl"


def test_a_shard_is_continued_after_a_line_that_was_not_finished(study: Study, tmp_path: Path) -> None:
    whole = write_shard(tmp_path / "whole", study, SHARD).read_bytes()
    path = write_shard(tmp_path, study, SHARD, n=4)
    with path.open("ab") as file:
        file.write(b'{"prompt":0,"arm":"zeb')
    cells = list_shard(study, SHARD)

    with ShardFile(path, ShardHeader(study.name, study.hash, SHARD)) as shard:
        assert shard.cells == set(cells[:4])
        assert not shard.is_complete
        assert {arm: list(made_by) for arm, made_by in shard.versions_by_arm().items()} == {
            cell.arm: [VERSIONS] for cell in cells[:4]
        }
        shard.save([completion(cell) for cell in cells[4:]], VERSIONS, now=NOW)
        shard.end()

    kept = [each for each in RecordReader(path) if isinstance(each, SavedCompletion)]
    assert [each.completion.cell for each in kept] == cells
    assert whole.count(b'"arm"') == len(cells)


def test_a_shard_is_generated_by_one_process_at_a_time(study: Study, tmp_path: Path) -> None:
    path = shard_path(tmp_path, study.name, SHARD)
    header = ShardHeader(study.name, study.hash, SHARD)

    with ShardFile(path, header), pytest.raises(StateError, match=r"Another process generates shard 2/3"):
        ShardFile(path, header).__enter__()
    with ShardFile(path, header):
        pass


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (lambda study: ShardHeader("other", study.hash, SHARD), "not 'other'"),
        (lambda study: ShardHeader(study.name, "0" * 64, SHARD), "before its file changed"),
        (lambda study: ShardHeader(study.name, study.hash, Shard(1, 3)), "is shard 2/3, not 1/3"),
    ],
)
def test_the_file_of_another_study_or_shard_is_refused(
    study: Study, tmp_path: Path, header: Callable[[Study], ShardHeader], reason: str
) -> None:
    path = write_shard(tmp_path, study, SHARD)

    with pytest.raises(StateError, match=reason):
        ShardFile(path, header(study)).__enter__()


@pytest.mark.parametrize("damage", range(0, 2_000, 131))
def test_a_changed_byte_is_found(study: Study, tmp_path: Path, damage: int) -> None:
    path = write_shard(tmp_path, study, SHARD)
    content = bytearray(path.read_bytes())
    content[damage % len(content)] ^= 1
    path.write_bytes(content)

    with pytest.raises(StateError, match=r"is damaged: line \d+"):
        list(RecordReader(path))


def test_a_line_after_the_end_is_damage(study: Study, tmp_path: Path) -> None:
    path = write_shard(tmp_path, study, SHARD)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, lines[3]]))

    with pytest.raises(StateError, match="lines after its end"):
        list(RecordReader(path))


def test_a_folder_in_place_of_a_file_is_named(study: Study, tmp_path: Path) -> None:
    path = shard_path(tmp_path, study.name, SHARD)
    path.mkdir()

    with pytest.raises(DatabaseError, match=r"The shard .* cannot be used"):
        ShardFile(path, ShardHeader(study.name, study.hash, SHARD)).__enter__()
