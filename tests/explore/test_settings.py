import pytest

import rater
from rater.explore.settings import DEFAULTS, LABELS, FormError, RunSettings, read_form
from rater.study.additions import XVector


def read(**form: str) -> RunSettings:
    return read_form(form, n_layers=30)


def test_an_empty_form_has_the_defaults() -> None:
    found = read()

    assert found.addition == XVector("Love", "Hate", coeff=5.0, at=6)
    assert (found.sampling.top_p, found.sampling.frequency_penalty, found.sampling.samples_per_prompt) == (
        0.3,
        1.0,
        3,
    )
    assert LABELS.keys() == DEFAULTS.keys()


def test_a_relative_strength_at_a_position() -> None:
    found = read(strength="relative", amount="−0.5", position="back", minus="", layer="29")

    assert found.addition == XVector("Love", "", relative=-0.5, at=29, position="back")


def test_white_space_of_texts_counts_and_line_ends_are_those_of_unix() -> None:
    found = read(text=" a\r\nb ", plus=" wedding")

    assert (found.text, found.plus) == (" a\nb ", " wedding")


@pytest.mark.parametrize(
    ("field", "value", "phrase"),
    [
        ("text", "  ", "Enter a text"),
        ("text", "x" * 1001, "Text has 1,001 characters. Enter at most 1,000."),
        ("plus", "", "Enter a phrase"),
        ("plus", "a\x1bb", "characters that are not printable"),
        ("layer", "30", "Layer is “30”. Enter a whole number from 0 to 29."),
        ("layer", "-1", "Layer is “-1”"),
        ("layer", "1.5", "Layer is “1.5”"),
        ("layer", "²", "Layer is “²”"),
        ("layer", "9" * 5000, "Layer is “9999"),
        ("amount", "", "Strength is empty. Enter a number"),
        ("amount", "nan", "Strength is “nan”"),
        ("amount", "1e400", "Strength is “1e400”"),
        ("strength", "big", "Choose one of: coeff, relative."),
        ("position", "end", "Choose one of: front, mid, back."),
        ("new_tokens", "101", "from 1 to 100"),
        ("seed", "-3", "Seed is “-3”"),
    ],
)
def test_each_mistake_has_a_message_at_its_field(field: str, value: str, phrase: str) -> None:
    with pytest.raises(FormError) as refused:
        read(**{field: value})

    assert list(refused.value.messages) == [field]
    assert phrase in refused.value.messages[field]


def test_the_lines_of_a_study_file_declare_the_run() -> None:
    found = read(text='say "no"', plus="it's", position="mid", strength="relative", amount="0.25")
    names = {name: getattr(rater, name) for name in ("Steered", "Unsteered", "Sampling", "XVector")}

    declared = eval(f"dict({found.study_lines('tiny')})", names)  # noqa: S307 (our own lines)

    assert declared["prompts"] == ('say "no"',)
    assert declared["arms"][1].additions == (found.addition,)
    assert declared["sampling"] == found.sampling
    assert declared["model"] == "tiny"
