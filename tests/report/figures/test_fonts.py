"""Names in any script are shown in figures, or numbered with a warning; no figure shows boxes alone."""

import warnings
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from fontTools.fontBuilder import FontBuilder  # type: ignore[import-untyped] # it has no types
from fontTools.pens.ttGlyphPen import TTGlyphPen  # type: ignore[import-untyped] # it has no types

from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.report.context import ReportContext
from rater.report.figures.draw import draw_figures
from rater.report.figures.fonts import BASE_FONT, UNKNOWN, FontPlan, current_plan, plan_fonts
from rater.report.figures.style import clean, drawing
from rater.report.folder import write_report
from tests.report.conftest import Made

ARMS = ("转向模型", "基线模型")
NAMES = {
    "Chinese": "基线模型",
    "Japanese": "ベースライン",
    "Korean": "기준 모델",
    "Hindi": "आधार",
    "Thai": "พื้นฐาน",
    "emoji": "🙂 arm",
}


@pytest.fixture
def font(tmp_path: Path) -> str:
    """A font file that has the letters of the two arms, as squares."""
    letters = sorted({*"".join(ARMS)})
    names = [".notdef", *(f"uni{ord(letter):04X}" for letter in letters)]
    pen = TTGlyphPen(None)
    for number, point in enumerate([(0, 0), (0, 700), (700, 700), (700, 0)]):
        (pen.lineTo if number else pen.moveTo)(point)
    pen.closePath()
    glyph = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(letter): f"uni{ord(letter):04X}" for letter in letters})
    builder.setupGlyf(dict.fromkeys(names, glyph))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (800, 50)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Squares of a Test", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    path = tmp_path / "squares.ttf"
    builder.save(path)
    return str(path)


@pytest.fixture
def chinese(make: Made, planned: Planned) -> tuple[pd.DataFrame, Planned]:
    """Answers to two arms with Chinese names."""
    frame = make(4, 3, arms=(ARMS[1], ARMS[0])).drop(columns="guess")
    return frame, replace(planned, contrast=ARMS, scope="raters")


@pytest.mark.parametrize("text", ["steered", "ohne Änderung", "θέση", "управление", "خط الأساس", "a — ×"])
def test_what_the_own_font_has_needs_no_other_font(text: str) -> None:
    plan = plan_fonts({"arm": [text]}, files=["/no/such/font.ttf"])

    assert plan == FontPlan()
    assert plan.remark == ""
    assert plan.show(text) == text


@pytest.mark.parametrize("name", NAMES.values(), ids=list(NAMES))
def test_a_name_without_a_font_is_numbered_and_listed_in_the_remark(name: str) -> None:
    plan = plan_fonts({"arm": ["steered", name], "prompt": [f"{name} 1"]}, files=[])

    assert plan.show(f"steered minus {name}") == "steered minus arm 2"
    assert plan.show(f"{name} 1") == "prompt 1"
    assert f"arm 2 = {name}" in plan.remark
    assert "arm 1" not in plan.remark


def test_letters_outside_of_names_are_marked() -> None:
    plan = plan_fonts({"arm": ["steered"]}, ["5 很高兴"], files=[])

    assert plan.show("5 很高兴") == f"5 {UNKNOWN * 3}"
    assert UNKNOWN in plan.remark


def test_an_installed_font_that_has_the_letters_is_used(font: str) -> None:
    plan = plan_fonts({"arm": ARMS}, files=["/no/such/font.ttf", font])

    assert plan == FontPlan(families=(BASE_FONT, "Squares of a Test"))
    assert plan.remark == ""


def test_of_two_names_only_the_one_without_a_font_is_numbered(font: str) -> None:
    plan = plan_fonts({"arm": [ARMS[0], "आधार"]}, files=[font])

    assert "Squares of a Test" in plan.families
    assert dict(plan.substitutes) == {"आधार": "arm 2"}


def test_figures_show_names_by_an_installed_font_without_a_missing_glyph(
    chinese: tuple[pd.DataFrame, Planned], font: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", lambda **_: [font])
    frame, plan = chinese

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = draw_figures(analyze(frame, plan), frame, None, label=None)

    assert all(arm in drawn["arms"].svg for arm in ARMS)
    assert "Squares of a Test" in drawn["arms"].svg


def test_a_report_without_a_font_numbers_the_arms_and_warns(
    chinese: tuple[pd.DataFrame, Planned], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", lambda **_: [])
    frame, plan = chinese

    remarks = write_report(
        tmp_path / "report", analyze(frame, plan), frame, ReportContext(title="t"), json_about={}
    )

    svg = (tmp_path / "report" / "figures" / "arms.svg").read_text()
    assert "arm 1" in svg
    assert "arm 2" in svg
    assert not set("".join(ARMS)) & set(svg)
    assert f"arm 1 = {ARMS[0]}" in remarks[-1]
    page = (tmp_path / "report" / "report.html").read_text()
    assert f"arm 1 = {ARMS[0]}; arm 2 = {ARMS[1]}" in page
    assert "Names that are numbered in figures" in page


def test_a_plan_ends_with_its_figures() -> None:
    plan = plan_fonts({"arm": ARMS}, files=[])

    with drawing(plan):
        assert clean(ARMS[0]) == "arm 1"

    assert current_plan() == FontPlan()
    assert clean(ARMS[0]) == ARMS[0]
