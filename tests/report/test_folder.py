import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from rater.admin.export import text_meanings
from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.errors import RaterError
from rater.report.context import ReportContext, TextTables
from rater.report.folder import require_folder, write_report
from tests.report.conftest import HOSTILE, Made, texts_of

RATER = "0123456789abcdef0123456789abcdef"


ABOUT = ReportContext(title="A title", source="ratings.csv")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(folder: Path, frame: pd.DataFrame, planned: Planned) -> None:
    planned = replace(planned, scope="raters")  # which has no power curve to wait for
    write_report(folder, analyze(frame, planned), frame, ABOUT, json_about={})


def test_a_report_is_a_page_its_data_and_its_figures(report: Path) -> None:
    figures = ("agreement", "arms", "by-prompt", "by-rater", "guesses", "positions", "power", "times")

    assert sorted(contents(report)) == sorted(
        [
            "answers.csv",
            "answers.dictionary.json",
            "answers.parquet",
            *(f"figures/{name}.{ending}" for name in figures for ending in ("png", "svg")),
            "methods.md",
            "report.html",
            "report.md",
            "results.json",
        ]
    )
    assert len(pd.read_csv(report / "answers.csv")) == len(pd.read_parquet(report / "answers.parquet")) == 40
    assert json.loads((report / "answers.dictionary.json").read_text())["rater"]["meaning"] == "who answered"
    assert json.loads((report / "results.json").read_text())["dimensions"][0]["primary"]["kind"] == "result"


def test_the_same_answers_in_any_order_give_the_same_bytes(
    tmp_path: Path, make: Made, planned: Planned
) -> None:
    frame = make(4, 3)

    write(tmp_path / "one", frame, planned)
    write(tmp_path / "other", frame.sample(frac=1, random_state=5).reset_index(drop=True), planned)

    one, other = contents(tmp_path / "one"), contents(tmp_path / "other")
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []


def test_the_label_is_on_every_page_and_every_figure(report: Path) -> None:
    label = "Permuted arms: not a result"

    for name in ("report.html", "report.md", "methods.md", "results.json"):
        assert label in (report / name).read_text(), name
    for figure in (report / "figures").glob("*.svg"):
        assert label.upper() in figure.read_text(), figure


def test_an_earlier_report_is_replaced_and_nothing_else_is(
    tmp_path: Path, report: Path, make: Made, planned: Planned
) -> None:
    frame = make(3, 2)
    shutil.copytree(report, tmp_path / "report")
    (tmp_path / "report" / "figures" / "old.png").write_bytes(b"")

    write(tmp_path / "report", frame, planned)

    assert not (tmp_path / "report" / "figures" / "old.png").exists()
    (tmp_path / "report" / "notes.txt").write_text("mine")
    with pytest.raises(RaterError, match=r"contains notes\.txt, which is not part of a report"):
        write(tmp_path / "report", frame, planned)
    assert (tmp_path / "report" / "notes.txt").read_text() == "mine"


def test_an_interrupted_report_leaves_what_was_there(tmp_path: Path, make: Made, planned: Planned) -> None:
    frame, planned = make(3, 2), replace(planned, scope="raters")
    (tmp_path / "report").mkdir()

    def interrupt(step: str) -> None:
        if step == "Drawing: Difference by rater":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_report(
            tmp_path / "report", analyze(frame, planned), frame, ABOUT, json_about={}, progress=interrupt
        )

    assert list(tmp_path.rglob("*")) == [tmp_path / "report"]


def test_a_place_that_cannot_become_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(RaterError, match="does not exist"):
        require_folder(tmp_path / "absent" / "report")
    with pytest.raises(RaterError, match="is not a folder"):
        require_folder(tmp_path / "file")


def test_the_folder_has_texts_and_comments_whole_and_the_page_has_them_escaped(
    tmp_path: Path, make: Made, planned: Planned
) -> None:
    frame, folder = make(4, 3), tmp_path / "report"
    texts = texts_of(frame, HOSTILE + "x" * 700)
    comments = pd.DataFrame([(RATER, f"a comment {HOSTILE}")], columns=["rater", "text"])
    plan = replace(planned, scope="raters")

    write_report(
        folder,
        analyze(frame, plan),
        frame,
        ReportContext(title="t"),
        json_about={},
        tables=TextTables(texts, comments, text_meanings(texts.columns)),
    )

    written = pd.read_csv(folder / "texts.csv")
    assert list(written["n_ratings"]) == [4] * 6
    assert {"x" * 700 in text for text in written["text"]} == {True}
    described = json.loads((folder / "texts.dictionary.json").read_text())
    assert set(described) == set(written.columns)
    assert pd.read_csv(folder / "comments.csv")["rater"].tolist() == [RATER]
    page, plain = (folder / "report.html").read_text(), (folder / "report.md").read_text()
    assert "<script>" not in page
    assert "a comment &lt;/title&gt;&lt;script&gt;" in page
    assert "## Raters' comments" in plain
    assert "x" * 700 not in page
