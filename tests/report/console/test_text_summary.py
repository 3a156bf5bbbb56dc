import io
from dataclasses import replace

from rich.console import Console

from rater.analysis.results import Counts, NotEstimable
from rater.analysis.text_summary import AnswerSummary, TextSummary
from rater.report.console.text_summary import print_text_summary

ANA = AnswerSummary(rater="ana\x1b[2J", n=2, mean=1.5, median=1.5, sd=0.71)


def printed(summary: TextSummary) -> str:
    out = io.StringIO()
    print_text_summary(summary, Console(file=out, width=80), title="t.csv: How happy?")
    return out.getvalue()


def test_one_rater_is_told_how_to_get_agreement() -> None:
    shown = printed(
        TextSummary(
            n_texts=2,
            n_not_judged=1,
            everyone=ANA,
            raters=(ANA,),
            counts=((1.0, 1), (2.0, 1)),
            agreement=None,
        )
    )

    assert "1 rater · 2 texts · 2 answers" in shown
    assert "1 times a text could not be judged" in shown
    assert "--rater NAME" in shown
    assert "\x1b" not in shown


def test_agreement_that_cannot_be_estimated_has_a_reason() -> None:
    none = NotEstimable(test="agreement", score="answers", reason="no two raters", n=Counts(2, 1, 2, 2, 2))
    shown = printed(
        TextSummary(
            n_texts=2,
            n_not_judged=0,
            everyone=replace(ANA, rater="all"),
            raters=(ANA, ANA),
            counts=(),
            agreement=none,
        )
    )

    assert "Not estimable, because no two raters." in shown
    assert "all" in shown
