"""Read values of other programs: tables and logs of Inspect."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from rater.errors import TableError
from rater.measure.judge_file import FileMetric, read_judge_file
from rater.measure.metric import Shown
from rater.study.dimension import Dimension
from rater.study.scales import Likert, Pairwise

TEXTS = {"a1": Shown("I", " love."), "a2": Shown("I", " hate."), "b1": Shown("You", " love.")}
HAPPY = Dimension(name="happiness", question="How happy?", scale=Likert(low="not", high="very"))


def values(metric: FileMetric) -> dict[str, tuple[float | None, str]]:
    found = dict(metric.measure([(shown,) for shown in TEXTS.values()]))
    return {item: (found[place].value, found[place].reason) for place, item in enumerate(TEXTS)}


def written(folder: Path, content: str, name: str = "judge.csv") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("item,score\na1,4\na2,1\n", "judge.csv"),
        ('{"item": "a1", "score": 4}\n{"item": "a2", "score": 1}\n', "judge.jsonl"),
        ('prompt,text,score\nI," love.",4\nI,hate.,1\n', "judge.csv"),
    ],
)
def test_rows_belong_to_items_or_to_texts(tmp_path: Path, content: str, name: str) -> None:
    found = values(read_judge_file(written(tmp_path, content, name), TEXTS))

    assert found == {"a1": (4.0, ""), "a2": (1.0, ""), "b1": (None, "not in the file")}


def test_a_text_without_its_prompt_belongs_to_every_prompt(tmp_path: Path) -> None:
    found = values(read_judge_file(written(tmp_path, "text,score\nlove.,4\n"), {}))

    assert [found[item][0] for item in TEXTS] == [4.0, None, 4.0]


def test_values_off_the_scale_are_failures_and_never_scores(tmp_path: Path) -> None:
    path = written(tmp_path, "item,score\na1,6\na2,\nb1,high\n")

    judged, plain = (values(read_judge_file(path, TEXTS, judged=dimension)) for dimension in (HAPPY, None))

    assert judged == {
        "a1": (None, "not an answer of the scale"),
        "a2": (None, "no value in the file"),
        "b1": (None, "not an answer of the scale"),
    }
    assert plain["a1"] == (6.0, "")
    assert plain["b1"] == (None, "not a finite number")


def test_a_column_of_arms_is_a_doubt_for_readers(tmp_path: Path) -> None:
    blind, doubtful = (
        read_judge_file(written(tmp_path, f"item,score,{other}\na1,4,x\n"), TEXTS)
        for other in ("comment", "Arm")
    )

    assert blind.caution == ""
    assert "saw the arms" in doubtful.caution


@pytest.mark.parametrize(
    ("content", "phrase"),
    [
        ("item,mark\na1,4\n", "no column of values"),
        ("item,score,rating\na1,4,4\n", "several columns of values"),
        ("id,score\na1,4\n", "no column item or text"),
        ("item,score\nzz,4\n", "judge.csv:2: item is 'zz'"),
        ("item,score\na1,4\na1,5\n", "judge.csv:3: the value '5' is for the same text"),
    ],
)
def test_a_file_that_cannot_be_matched_is_refused_with_its_line(
    tmp_path: Path, content: str, phrase: str
) -> None:
    with pytest.raises(TableError, match=phrase):
        read_judge_file(written(tmp_path, content), TEXTS)


def test_a_file_of_other_texts_is_refused(tmp_path: Path) -> None:
    metric = read_judge_file(written(tmp_path, "text,score\nOther.,4\n"), TEXTS)

    with pytest.raises(TableError, match="no row of the file has a text of the study"):
        values(metric)


def test_a_file_has_no_values_of_pairs(tmp_path: Path) -> None:
    pairs = Dimension(name="which", question="Which?", scale=Pairwise())

    with pytest.raises(TableError, match="compares texts"):
        read_judge_file(written(tmp_path, "item,score\na1,4\n"), TEXTS, judged=pairs)


def sample(item: str, value: object, **changes: object) -> dict[str, Any]:
    return {
        "id": item,
        "epoch": 1,
        "input": f"Rate: {TEXTS[item].text}",
        "metadata": {},
        "scores": {"grader": {"value": value, "explanation": "because"}},
        **changes,
    }


def log(folder: Path, samples: list[dict[str, Any]], *, zipped: bool) -> Path:
    if not zipped:
        document = {"version": 2, "status": "success", "eval": {"task": "t"}, "samples": samples}
        return written(folder, json.dumps(document), "log.json")
    path = folder / "log.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", "{}")
        for each in samples:
            archive.writestr(f"samples/{each['id']}_epoch_{each['epoch']}.json", json.dumps(each))
    return path


@pytest.mark.parametrize("zipped", [False, True])
def test_a_log_of_inspect_is_read_by_item(tmp_path: Path, *, zipped: bool) -> None:
    samples = [sample("a1", 4), sample("a2", "C"), sample("b1", None)]

    found = values(read_judge_file(log(tmp_path, samples, zipped=zipped), TEXTS))

    assert found == {"a1": (4.0, ""), "a2": (1.0, ""), "b1": (None, "no value in the file")}


def test_epochs_of_a_sample_are_averaged(tmp_path: Path) -> None:
    samples = [sample("a1", 4), sample("a1", 5, epoch=2)]

    assert values(read_judge_file(log(tmp_path, samples, zipped=True), TEXTS))["a1"] == (4.5, "")


def test_samples_can_be_matched_by_their_input_or_metadata(tmp_path: Path) -> None:
    samples = [
        sample("a1", 4, id=1, input=" love.", metadata={"prompt": "I"}),
        sample("a2", 2, id=2, metadata={"item": "a2", "arm": "steered"}),
    ]

    metric = read_judge_file(log(tmp_path, samples, zipped=False), TEXTS)

    assert values(metric) == {"a1": (4.0, ""), "a2": (2.0, ""), "b1": (None, "not in the file")}
    assert metric.caution


def test_a_log_with_several_scores_needs_the_name_of_one(tmp_path: Path) -> None:
    both = {"first": {"value": 1}, "second": {"value": 2}}
    path = log(tmp_path, [sample("a1", 0, scores=both)], zipped=False)

    with pytest.raises(TableError, match="name one with --column"):
        read_judge_file(path, TEXTS)
    assert values(read_judge_file(path, TEXTS, column="second"))["a1"] == (2.0, "")
    with pytest.raises(TableError, match="no score 'third'"):
        read_judge_file(path, TEXTS, column="third")


def test_a_log_that_is_not_a_zip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="inspect log convert"):
        read_judge_file(written(tmp_path, "no zip", "log.eval"), TEXTS)
