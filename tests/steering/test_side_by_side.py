import io

from rich.console import Console
from rich.text import Text

from rater.steering.completions import ArmCompletion, Measurements
from rater.steering.positions import Touch
from rater.steering.side_by_side import page, tables

AT = "blocks.6.hook_resid_pre"
ARMS = {"plain": "the model as it is", "love": "5 × ('Love' − 'Hate')"}


def completion(arm: str, sample: int, text: str, *touched: Touch) -> ArmCompletion:
    measured = Measurements(n_tokens=4, n_words=3, nll=1.234, repetition=0.25)
    return ArmCompletion(arm, "I <b> am", sample, 0, (1, 2, 3, 4), text, "length", measured, touched)


MADE = [
    completion("love", 0, " loved", *[Touch(0, position, AT) for position in (0, 1, 2, 5)]),
    completion("plain", 0, " hated & [bold]left[/bold]"),
    completion("love", 1, " dear", Touch(0, 1, AT)),
    completion("plain", 1, " here"),
]


def test_a_row_has_one_sample_of_each_arm_in_their_order() -> None:
    [table] = tables(MADE, ARMS)
    console = Console(file=io.StringIO(), width=200)

    console.print(table)

    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    first = next(line for line in lines if "hated" in line)
    assert first.index("I <b> am hated & [bold]left[/bold]") < first.index("I <b> am loved")
    assert any("here" in line and "dear" in line for line in lines)
    remarks = next(line for line in lines if "tokens 0–2 5" in line)
    assert "4 tokens, NLL 1.23 · repetition 0.25 · not steered" in remarks
    assert f"steered tokens 0–2 5 at {AT}" in remarks


def test_the_page_escapes_texts_and_needs_nothing_else() -> None:
    written = page("love_vs_hate", MADE, ARMS)

    assert "<b>I &lt;b&gt; am</b> hated &amp; [bold]left[/bold]" in written
    assert "5 × (&#x27;Love&#x27; − &#x27;Hate&#x27;)" in written
    assert written.count("<tr>") == 3
    assert "http" not in written
    assert "<script" not in written


def test_many_arms_are_below_each_other_on_a_narrow_terminal() -> None:
    [table] = tables(MADE, ARMS, width=24 * len(ARMS))

    assert len(table.columns) == 2
    assert list(table.columns[0].cells)[: len(ARMS)] == [Text(name) for name in ARMS]
