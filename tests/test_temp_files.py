import subprocess
import sys
from pathlib import Path

import pytest

from rater.temp_files import remove_abandoned, temporary_folder, why_unwritable, write_whole

HOLD = """
import sys, time
from pathlib import Path
from rater.temp_files import temporary_folder
with temporary_folder("held-", parent=Path(sys.argv[1])) as folder:
    (folder / "answers.csv").write_text("arm")
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path) -> "subprocess.Popen[str]":
    """A process that holds a temporary folder with a file in it."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_a_folder_is_there_for_the_block_and_gone_after_it(tmp_path: Path) -> None:
    with temporary_folder("mine-", parent=tmp_path) as folder:
        (folder / "file").write_text("x")
        assert folder.parent == tmp_path

    assert list(tmp_path.iterdir()) == []


def test_the_next_process_removes_what_a_killed_one_left_and_nothing_in_use(
    tmp_path: Path, holder: "subprocess.Popen[str]"
) -> None:
    (tmp_path / "held").write_text("another program's")
    with temporary_folder("held-", parent=tmp_path):
        while_it_runs = list(tmp_path.rglob("answers.csv"))
    holder.kill()
    holder.communicate()
    with temporary_folder("held-", parent=tmp_path):
        afterwards = list(tmp_path.rglob("answers.csv"))

    assert len(while_it_runs) == 1
    assert afterwards == []
    assert [path.name for path in tmp_path.iterdir()] == ["held"]


def test_a_link_to_another_folder_is_kept(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "held-link").symlink_to(other)

    remove_abandoned(tmp_path, "held-*")

    assert (tmp_path / "held-link").is_symlink()
    assert other.is_dir()


def test_a_file_is_written_whole_and_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "links.csv"
    file.write_text("earlier")

    write_whole(file, b"later")

    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"later", 0o600)
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "links.csv"
    (folder / "kept").mkdir(parents=True)

    with pytest.raises(OSError, match="links"):
        write_whole(folder, b"later")

    assert list(tmp_path.iterdir()) == [folder]


def test_what_a_killed_process_left_of_a_file_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".links.csv.abc.new").write_text("half of a li")
    (tmp_path / ".other.csv.abc.new").write_text("of another file")

    write_whole(tmp_path / "links.csv", b"later")

    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.csv.abc.new", "links.csv"]


def test_a_file_that_cannot_be_written_is_named_with_the_reason(tmp_path: Path) -> None:
    assert why_unwritable(tmp_path / "new.csv") is None
    assert why_unwritable(tmp_path) == "it is a folder"
    assert (
        why_unwritable(tmp_path / "missing" / "new.csv")
        == f"the folder {tmp_path / 'missing'} does not exist"
    )
    assert list(tmp_path.iterdir()) == []
