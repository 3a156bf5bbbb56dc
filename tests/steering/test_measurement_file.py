from pathlib import Path

import pytest

from rater.errors import ModelError
from rater.steering.measurement_file import MeasurementFile


def opened(folder: Path, model: str = "a") -> MeasurementFile:
    return MeasurementFile(folder / "m.csv", ["x", "y"], {"model": model}, "sweep")


def test_lines_come_back_with_what_they_were_measured_on(tmp_path: Path) -> None:
    assert opened(tmp_path).read() == []
    opened(tmp_path).append([{"x": 1, "y": "two, three"}])
    opened(tmp_path).append([{"x": 4, "y": ""}, {"x": 0.1, "y": "=5"}])

    found = opened(tmp_path).read()

    assert [(line["x"], line["y"]) for line in found] == [("1", "two, three"), ("4", ""), ("0.1", "=5")]
    assert {line["model"] for line in found} == {"a"}


def test_a_line_that_was_cut_off_is_removed(tmp_path: Path) -> None:
    opened(tmp_path).append([{"x": 1, "y": 2}])
    with (tmp_path / "m.csv").open("a") as file:
        file.write("3,")

    assert len(opened(tmp_path).read()) == 1
    opened(tmp_path).append([{"x": 3, "y": 4}])
    assert [line["y"] for line in opened(tmp_path).read()] == ["2", "4"]


def test_a_file_with_other_columns_or_values_is_refused(tmp_path: Path) -> None:
    opened(tmp_path).append([{"x": 1, "y": 2}])

    with pytest.raises(ModelError, match="was measured with model 'a', and this sweep has 'b'"):
        opened(tmp_path, "b").read()
    with pytest.raises(ModelError, match="is not a file of this kind of corpus"):
        MeasurementFile(tmp_path / "m.csv", ["z"], {}, "corpus").read()
    with pytest.raises(ModelError, match="cannot be written"):
        MeasurementFile(tmp_path / "none" / "m.csv", ["z"], {}, "corpus").append([{"z": 1}])
