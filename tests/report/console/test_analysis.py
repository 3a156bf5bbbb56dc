import io
import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from rater.analysis import read
from rater.analysis.external_plan import plan_for
from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, analyze
from rater.analysis.results import Result
from rater.report.compose import compose
from rater.report.console.analysis import Screen, print_analysis
from rater.report.context import ReportContext
from rater.report.document import Document, to_markdown
from rater.report.export import to_json
from rater.report.sections.inputs import Findings
from rater.study.analysis_plan import Exclusions
from rater.study.dimension import Dimension
from rater.study.scales import Likert, Pairwise
from tests.report.conftest import Made
from tests.report.console.printed import PLANNED, load, shown

ARMS = ("steered", "unsteered", "weak")


DOSES = {"unsteered": 0.0, "weak": 1.0, "steered": 4.0}


def test_the_console_shows_question_headline_and_tests() -> None:
    text = shown(analyze(load("a"), PLANNED), Screen("How happy are these texts?", 12, 12))

    assert (
        text
        == """\
How happy are these texts?
12 raters (12 of 12 planned finished) · 10 prompts · 60 texts · 720 answers

happiness · primary · How happy is this text?

  “steered” was rated higher than “unsteered” on happiness: a rater shown one
  of each rates “steered” higher 34 percentage points more often than lower
  (95% CI 20 to 49, p < .001, 12 raters × 10 prompts; 0.77 scale points).

  arm          n  mean  median    sd
  ──────────────────────────────────
  steered    360  3.56     4.0  1.28
  unsteered  360  2.79     3.0  1.32

  answer              steered                      unsteered
  ────────────────────────────────────────────────────────────────────────────
  1 not at all happy  █████               33   9%  ███████████         77  21%
  2                   ██████              43  12%  ████████████        82  23%
  3                   ████████████        83  23%  █████████████       89  25%
  4                   ██████████████      93  26%  ██████████          65  18%
  5 very happy        ████████████████   108  30%  ███████             47  13%

  Difference, steered minus unsteered
  score            estimate  95% CI        test       statistic        p
  ───────────────────────────────────────────────────────────────────────────
  net superiority      0.34  0.20 to 0.49  crossed t  t(9.63) = 5.22   < .001
  scale points         0.77  0.46 to 1.08  crossed t  t(10.41) = 5.43  < .001

  The claim is about raters and prompts like those of this study.
  On a new prompt: −0.05 to 0.74 (95% prediction interval); opposite sign for
  1% of prompts (0% to 31%).
  Effect sizes: probability of superiority 0.67 (0.60 to 0.75), Cohen's d 0.59
  (0.34 to 0.89).
  Ordinal mixed model (secondary): odds ratio 3.52 (2.23 to 5.63), p < .001.
  Ordinal mixed model: the effects of prompts are estimated not to differ (a
  singular fit): the term is kept, with a standard deviation of 0.
  For a new rater: 0.05 to 0.65 (95% prediction interval); opposite sign for
  0% of raters (0% to 26%).
  Spread (SD): steered 1.28, unsteered 1.32; ratio 0.97 (0.89 to 1.06).
  Agreement on single texts: Krippendorff's alpha 0.17 (0.06 to 0.27),
  ICC(2,1) 0.18 (0.12 to 0.27), AC2 0.25 (0.12 to 0.41).

  Naive test (ignores clustering; for comparison only): Mann–Whitney U =
  85,663.5, p < .001.
"""
    )


def test_a_screen_shows_the_headline_and_the_tests_first_and_the_rest_on_demand() -> None:
    text = shown(analyze(load("a"), PLANNED), Screen("How happy are these texts?"), show_all=False)

    assert "net superiority      0.34  0.20 to 0.49  crossed t" in text
    assert "1 not at all happy" not in text
    assert "Effect sizes: probability" not in text
    assert "Naive" not in text
    assert "effect sizes: --all" in text


@pytest.mark.parametrize("letter", ["a", "c", "e"])
def test_no_line_is_wider_than_the_console(letter: str) -> None:
    text = shown(analyze(load(letter), PLANNED), Screen("How happy are these texts?"))

    assert max(map(len, text.splitlines())) <= 80


def test_the_naive_test_comes_last_and_is_marked() -> None:
    text = shown(analyze(load("c"), PLANNED), Screen("Texts"))

    assert text.index("Naive test (ignores clustering") > text.index("crossed t")


def test_without_results_the_console_shows_the_reason_and_no_p() -> None:
    frame = load("a")

    text = shown(analyze(frame[frame["arm"] == "steered"], PLANNED), Screen("Texts"))

    assert "Not estimable on happiness, because “unsteered” has no answers yet." in text
    assert "p =" not in text
    assert "nan" not in text.lower()


def test_without_a_planned_result_the_console_shows_no_naive_p() -> None:
    frame = load("c")
    raters = sorted(frame["rater"].unique())
    one_and_a_half = frame[
        (frame["rater"] == raters[0]) | ((frame["rater"] == raters[1]) & (frame["arm"] == "steered"))
    ]

    text = shown(analyze(one_and_a_half, PLANNED), Screen("Texts"))

    assert "only 1 rater has answers to both arms" in " ".join(text.split())
    assert "Naive" not in text
    assert "p =" not in text


def test_a_banner_comes_first_and_notes_come_last() -> None:
    planned = replace(PLANNED, n_raters=20)
    screen = Screen("Texts", banner="REHEARSAL: simulated raters and a synthetic key", notes=["Look 1 of 1"])

    lines = shown(analyze(load("a"), planned), screen).splitlines()

    assert lines[0] == " REHEARSAL: simulated raters and a synthetic key"
    assert lines[-2:] == ["  reached.", "  Look 1 of 1."]


def test_brackets_in_names_are_text_and_not_markup() -> None:
    frame = load("e").replace({"arm": {"steered": "[bold]loud[/]"}})
    planned = replace(PLANNED, contrast=("[bold]loud[/]", "unsteered"))

    text = shown(analyze(frame, planned), Screen("[red]Texts[/red]"))

    assert text.startswith("[red]Texts[/red]\n")
    assert "Difference, [bold]loud[/] minus unsteered" in text


def test_a_stream_without_utf_8_gets_ascii() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")

    print_analysis(analyze(load("c"), PLANNED), Console(file=stream, width=80), Screen("Wie glücklich?"))

    stream.flush()
    text = raw.getvalue().decode("ascii")
    assert text.startswith("Wie gl?cklich?\n")
    assert "-0.16 to 0.33" in text


def test_a_terminal_gets_styles() -> None:
    stream = io.StringIO()

    console = Console(file=stream, width=80, force_terminal=True, color_system="standard")
    print_analysis(analyze(load("a"), PLANNED), console, Screen("Texts"))

    assert stream.getvalue().startswith("\x1b[1mTexts\x1b[0m\n")


def test_many_arms_leave_out_the_bars_and_keep_the_counts() -> None:
    frame = load("e")
    extra = [frame.assign(arm=f"dose{n}") for n in range(4)]

    text = shown(analyze(pd.concat([frame, *extra]), PLANNED), Screen("Texts"))

    assert "█" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_conclusion_about_the_sesoi_is_in_the_headline_once() -> None:
    planned = replace(PLANNED, sesoi=0.3, score="scale_points")

    text = " ".join(shown(analyze(load("a"), planned), Screen("Texts")).split())

    assert "The difference is larger than the smallest effect size of interest of ±0.3 scale points" in text
    assert text.count("smallest effect size of interest") == 1


def test_equivalence_is_in_the_headline() -> None:
    frame = load("a").assign(answer=lambda rows: (rows["answer"] > 2) + 2.0)
    frame = frame.assign(arm=np.random.default_rng(1).permutation(frame["arm"]))

    text = " ".join(shown(analyze(frame, replace(PLANNED, sesoi=0.4)), Screen("Texts")).split())

    assert "“steered” and “unsteered” were rated equivalently on happiness" in text
    assert "entirely within it; TOST p" in text


def test_secondary_dimensions_show_p_after_holm() -> None:
    scale = Likert(low="not", high="very")
    others = tuple(Dimension(name=name, question="?", scale=scale) for name in ("fluency", "calm"))
    frame = pd.concat([load("e").assign(dimension=name) for name in ("happiness", "fluency", "calm")])

    analysis = analyze(frame, replace(PLANNED, dimensions=(*PLANNED.dimensions, *others)))
    text = " ".join(shown(analysis, Screen("Texts")).split())

    assert text.count("Holm-adjusted p = .030") == 2
    assert "P-values of the 2 secondary dimensions are adjusted (Holm correction)." in text


def test_ratings_without_points_have_no_table_of_points() -> None:
    frame = load("a").assign(answer=lambda rows: rows["answer"] * 10.5)
    planned = plan_for(frame, contrast=("steered", "unsteered"))

    text = shown(analyze(frame, planned), Screen("Texts"))

    assert "█" not in text
    assert "37.33" in text


def test_one_dimension_fits_a_screen() -> None:
    analysis = analyze(load("a"), PLANNED)

    short = shown(analysis, Screen("How happy are these texts?", 12, 12), show_all=False).splitlines()
    long = shown(analysis, Screen("How happy are these texts?", 12, 12)).splitlines()

    assert len(short) <= 30
    assert len(long) <= 52


def test_excluded_raters_count_as_having_answered() -> None:
    planned = replace(PLANNED, exclusions=Exclusions(max_same_answer_share=0.4), n_raters=12)

    whole, short = (
        " ".join(shown(analyze(load("a"), replace(planned, n_raters=n)), Screen("Texts")).split())
        for n in (12, 13)
    )

    left_out = "have answered, and 1 of them is excluded by the declared criteria"
    assert f"12 of 12 planned raters {left_out}." in whole
    assert "was not reached" not in whole
    assert f"12 of 13 planned raters {left_out}: the planned sample size was not reached." in short


def test_the_head_of_the_log_is_on_the_last_line() -> None:
    lines = shown(
        analyze(load("e"), PLANNED), Screen("Texts", notes=["Look 1"], log_head="ab" * 32)
    ).splitlines()

    assert lines[-2:] == ["  Look 1.", f"  log   {'ab' * 32}"]


def test_an_interval_that_would_reach_beyond_what_a_difference_can_be_is_cut_and_explained() -> None:
    pairwise = Dimension(name="happiness", question="Which is happier?", scale=Pairwise())
    planned = replace(PLANNED, dimensions=(pairwise,))
    few, many = choices(n_raters=3, n_prompts=3), choices(n_raters=12, n_prompts=12)

    analysis = analyze(few, planned)
    beyond, within = (
        " ".join(shown(each, Screen("Texts")).split()) for each in (analysis, analyze(many, planned))
    )

    primary = analysis.dimensions[0].primary
    assert isinstance(primary, Result)
    assert primary.unclipped_interval is not None
    assert primary.unclipped_interval.high > 1
    assert "−1.00 to 1.00 crossed t" in beyond
    assert "interval of net superiority and of degrees of preference is truncated at the bounds" in beyond
    assert "truncated" not in within


def choices(*, n_raters: int, n_prompts: int) -> pd.DataFrame:
    """Choices of the steered text, but for every fourth."""
    rater, prompt = (grid.ravel() for grid in np.indices((n_raters, n_prompts)))
    return pd.DataFrame(
        {
            "rater": [f"r{code}" for code in rater],
            "item": [f"s{code}" for code in prompt],
            "other_item": [f"u{code}" for code in prompt],
            "prompt": [f"p{code}" for code in prompt],
            "arm": "steered",
            "other_arm": "unsteered",
            "arm_is_left": (rater + prompt) % 2 == 0,
            "dimension": "happiness",
            "answer": np.where((rater + 2 * prompt) % 4 == 0, -1.0, 1.0),
        }
    )


@pytest.fixture(scope="module")
def few(make: Made, planned: Planned) -> Analysis:
    """Two raters, of three arms."""
    return analyze(make(2, 3, ARMS), replace(planned, doses=DOSES))


@pytest.fixture(scope="module")
def wide(make: Made, planned: Planned) -> Analysis:
    """Three raters who differ much, of three arms: t intervals are wider than the scale."""
    frame = make(3, 4, ARMS)
    leaning = frame["rater"].map({"r0000": 2.0, "r0001": -2.0, "r0002": 0.0}) * (frame["arm"] == "steered")
    frame["answer"] = np.clip(frame["answer"] + leaning, 1, 5)
    return analyze(frame, replace(planned, doses=DOSES))


def on_screen(analysis: Analysis) -> str:
    shown = io.StringIO()
    print_analysis(analysis, Console(file=shown, width=100), Screen("Texts"))
    return " ".join(shown.getvalue().split())


def document(analysis: Analysis) -> Document:
    return compose(Findings(analysis, ReportContext(title="t"), {}), "0123")


def test_the_console_prints_truncated_intervals_with_a_remark(
    wide: Analysis,
) -> None:
    said = on_screen(wide)

    assert "95% CI −100 to 100, the whole possible range, p =" in said
    assert "interval of net superiority is truncated" in said
    for low, high in re.findall(r"(−?[\d.,]+) to (−?[\d.,]+)", said):
        ends = [float(end.rstrip(".,").replace("−", "-").replace(",", "")) for end in (low, high)]
        assert max(map(abs, ends)) <= 100, (low, high)


def test_a_test_with_less_than_two_degrees_of_freedom_prints_no_number_and_decides_nothing(
    few: Analysis,
) -> None:
    found = few.dimensions[0]
    assert isinstance(found.primary, Result)
    assert found.primary.df is not None
    assert found.primary.df < 2

    said = on_screen(few)
    report = to_markdown(document(few))
    written = json.loads(to_json(few))["dimensions"][0]["primary"]

    assert found.verdict == "inconclusive"
    assert "(no usable interval: " in found.headline
    assert "p =" not in found.headline
    assert "no usable interval" in said
    assert " t(1" not in said
    assert " t(1" not in report
    assert written["interval"] is None
    assert written["unclipped_interval"]["low"] < -1
    assert 0 < written["p"] < 1


def test_a_contrast_with_too_few_degrees_of_freedom_says_why_it_has_no_interval(make: Made) -> None:
    analysis = analyze(make(4, 2, ("unsteered", "steered", "weak")), PLANNED)

    text = " ".join(shown(analysis, Screen("Texts")).split())

    assert "No usable interval, with fewer than 2 degrees of freedom: weak − unsteered (0.98)." in text


def test_odd_one_out_trials_have_one_test_and_their_proportion() -> None:
    rows = [
        {
            "rater": f"r{rater}",
            "prompt": f"prompt {prompt}",
            "arm_1": ("love", "base")[odd == 1],
            "arm_2": ("base", "love")[odd == 1],
            "arm_3": "base" if odd == 0 else ("base", "love")[odd == 1],
            "chosen_place": (rater + prompt + odd) % 3 + 1,
        }
        for rater in range(4)
        for prompt in range(4)
        for odd in (0, 1)
    ]
    table = io.StringIO(pd.DataFrame(rows).to_csv(index=False))
    frame = read(table)

    printed = shown(analyze(frame, plan_for(frame)), Screen("Odd"))

    assert "the odd one of three texts was found in" in " ".join(printed.split())
    assert "p = " in printed
