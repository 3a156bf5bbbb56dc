import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text
from transformer_lens.model_bridge import TransformerBridge

import rater.steering
from rater.errors import ModelError
from rater.steering.comparisons import comparison_page, comparison_tables, print_n_comparisons
from rater.steering.completions import ArmCompletion, Measurements
from rater.steering.pairs import UnequalPairWarning
from rater.steering.positions import Touch
from rater.study.arms import ActivationAddition, XVector

pytestmark = pytest.mark.model

# The code of llm-steering's README in its order, without the stray star before one call.
SNIPPETS = (Path(__file__).parents[1] / "data" / "seed_readme_snippets.txt").read_text()
PROMPT = "I hate you because"


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard")


SHORT = (
    SNIPPETS.replace("tokens_to_generate=100", "tokens_to_generate=3")
    .replace("tokens_to_generate=50", "tokens_to_generate=3")
    .replace("num_comparisons=15", "num_comparisons=2")
)


@pytest.mark.parametrize(
    ("snippets", "n_shown"), [(SHORT, 4), pytest.param(SNIPPETS, 30, marks=pytest.mark.slow)]
)
def test_the_seeds_front_page_runs_with_only_the_import_and_the_model_changed(
    snippets: str,
    n_shown: int,
    embedded_model: TransformerBridge,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = {
        name: getattr(rater.steering, name)
        for name in ("ActivationAddition", "get_x_vector", "print_n_comparisons")
    }
    names |= {"gpt2_small": embedded_model, "gpt2_xl": embedded_model}

    with pytest.warns(UnequalPairWarning, match=r"'Hate' \(2 tokens\) from 'Love' \(1\) without padding"):
        exec(snippets, names)  # noqa: S102 (the snippets are what is tested)

    first, second = capsys.readouterr().out.split("Unsteered completions")[1:]
    assert first.count(PROMPT) == n_shown
    assert "Steered completions" in first
    assert second.count("I want to kill you because") == n_shown


def test_the_prompt_is_bold_and_the_completion_is_not(
    embedded_model: TransformerBridge, console: Console
) -> None:
    print_n_comparisons(PROMPT, embedded_model, 1, tokens_to_generate=4, temperature=0, console=console)

    assert f"\x1b[1m{PROMPT}\x1b[0m you're a woman" in printed(console)
    assert "Steered completions" not in printed(console)


def test_both_columns_are_drawn_with_the_same_random_numbers(
    embedded_model: TransformerBridge, console: Console
) -> None:
    nothing = [ActivationAddition(0, 6, "Love")]

    print_n_comparisons(
        PROMPT, embedded_model, 2, nothing, tokens_to_generate=3, seed=5, temperature=3.0, console=console
    )

    rows = [line.split("│")[1:3] for line in printed(console).splitlines() if PROMPT in line]
    assert len(rows) == 2
    assert all(left.strip() == right.strip() for left, right in rows)
    assert rows[0][0] != rows[1][0]


def test_text_that_looks_like_markup_is_printed_as_it_is(
    embedded_model: TransformerBridge, console: Console
) -> None:
    print_n_comparisons("[bold]x[/bold]", embedded_model, 1, tokens_to_generate=1, console=console)

    assert "[bold]x[/bold]" in printed(console)


def test_location_and_slice_are_those_of_all_additions(
    embedded_model: TransformerBridge, console: Console
) -> None:
    # Greedily, llm-steering's authors found " wedding" at the back of this prompt to change the text at once,
    # and half the dimensions at its front not to change it.
    wedding = [ActivationAddition(4, 6, " wedding"), ActivationAddition(-4, 6, " ")]
    friend = "I went up to my friend and said"

    for options in ({"res_stream_slice": slice(0, 288)}, {"addition_location": "back"}):
        print_n_comparisons(
            friend,
            embedded_model,
            1,
            wedding,
            tokens_to_generate=6,
            temperature=0,
            console=console,
            **options,
        )

    sliced, back = [line.split("│")[1:3] for line in printed(console).splitlines() if friend in line]
    assert sliced[0].strip() == sliced[1].strip()
    assert back[0].strip() != back[1].strip()


@pytest.mark.parametrize("chosen", [slice(0, 577), slice(6, 5), slice(-3, None), slice(0, 10, 2)])
def test_a_slice_out_of_range_is_refused(chosen: slice, embedded_model: TransformerBridge) -> None:
    with pytest.raises(ModelError, match=r"res_stream_slice is slice\(.* has 576 dimensions; valid: slice"):
        print_n_comparisons(
            PROMPT,
            embedded_model,
            1,
            [XVector("Love", "Hate", coeff=1, at=6)],
            res_stream_slice=chosen,
        )


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
    [table] = comparison_tables(MADE, ARMS)
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
    written = comparison_page("love_vs_hate", MADE, ARMS)

    assert "<b>I &lt;b&gt; am</b> hated &amp; [bold]left[/bold]" in written
    assert "5 × (&#x27;Love&#x27; − &#x27;Hate&#x27;)" in written
    assert written.count("<tr>") == 3
    assert "http" not in written
    assert "<script" not in written


def test_many_arms_are_below_each_other_on_a_narrow_terminal() -> None:
    [table] = comparison_tables(MADE, ARMS, width=24 * len(ARMS))

    assert len(table.columns) == 2
    assert list(table.columns[0].cells)[: len(ARMS)] == [Text(name) for name in ARMS]


def test_titles_and_prompts_shown_are_those_of_the_two_columns(
    embedded_model: TransformerBridge, console: Console
) -> None:
    print_n_comparisons(
        PROMPT,
        embedded_model,
        1,
        [XVector("Love", "Hate", coeff=5, at=6)],
        tokens_to_generate=2,
        titles=("As it is", "With love"),
        prompts_shown=(None, "(love) "),
        console=console,
    )

    shown = printed(console)
    assert shown.index("As it is") < shown.index("With love")
    assert shown.count(PROMPT) == 1
    assert "\x1b[1m(love) \x1b[0m" in shown
    with pytest.raises(ModelError, match=r"titles is 'ab'; valid: two texts"):
        print_n_comparisons(PROMPT, embedded_model, titles="ab")  # type: ignore[arg-type] # refused


def test_an_empty_slice_adds_nothing(embedded_model: TransformerBridge, console: Console) -> None:
    large = [XVector("Love", "Hate", coeff=200, at=6)]

    print_n_comparisons(
        PROMPT,
        embedded_model,
        1,
        large,
        tokens_to_generate=4,
        temperature=0,
        res_stream_slice=slice(0, 0),
        console=console,
    )

    [row] = [line.split("│")[1:3] for line in printed(console).splitlines() if PROMPT in line]
    assert row[0].strip() == row[1].strip()


def test_top_k_and_presence_penalty_are_passed_to_the_sampler(
    embedded_model: TransformerBridge, console: Console
) -> None:
    for options in ({"top_k": 1}, {"temperature": 0.0}, {"temperature": 0.0, "presence_penalty": 10.0}):
        print_n_comparisons(
            PROMPT, embedded_model, 1, tokens_to_generate=8, seed=1, console=console, **options
        )

    most_likely, greedy, penalised = [line for line in printed(console).splitlines() if PROMPT in line]
    assert most_likely == greedy != penalised


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"num_comparisons": 0}, "num_comparisons is 0; valid: at least 1"),
        ({"tokens_to_generate": 0}, "tokens_to_generate is 0; valid: at least 1"),
        ({"freq_penalty": 11}, "freq_penalty is 11; valid: at most 10"),
        ({"topk": 3}, "print_n_comparisons has no argument 'topk'. Did you mean 'top_k'?"),
    ],
)
def test_an_argument_that_is_not_valid_is_named(
    arguments: dict[str, int], named: str, embedded_model: TransformerBridge
) -> None:
    with pytest.raises(ModelError) as caught:
        print_n_comparisons(PROMPT, embedded_model, **arguments)  # type: ignore[arg-type] # refused

    assert named in str(caught.value)
