"""Hold metrics of form to texts whose values can be counted by hand."""

import zlib

import pytest

from rater.errors import StudyError
from rater.measure.metric import Metric, Shown
from rater.measure.text_metrics import TEXT_METRICS, count_of, text_metrics


def value(metric: Metric, text: str) -> float | str:
    (found,) = [measured for _, measured in metric.measure([(Shown("", text),)])]
    return found.reason if found.value is None else found.value


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("words", "I don't know.", 3),
        ("characters", "ab c", 4),
        ("sentences", "One. Two! “Three?” and a rest", 4),
        ("sentences", "No end", 1),
        ("sentences", "...", 1),
        ("repeated_trigrams", "a b c a b c", 0.25),
        ("repeated_trigrams", "a b", "the text has fewer than three words"),
        ("distinct_words", "Love love hate", 2 / 3),
        ("distinct_words", "?!", "the text has no words"),
        ("compression", "", "the text is empty"),
        # 4.71 × 15/5 + 0.5 × 5/1 − 21.43
        ("readability_ari", "The cat sat there now.", 4.71 * 17 / 5 + 0.5 * 5 - 21.43),
        # 5.88 × 17/5 − 29.6 × 1/5 − 15.8
        ("readability_coleman_liau", "The cat sat there now.", 5.88 * 17 / 5 - 29.6 / 5 - 15.8),
        ("readability_ari", " ", "the text has no words"),
    ],
)
def test_a_text_metric_is_what_can_be_counted_by_hand(name: str, text: str, expected: float | str) -> None:
    assert value(text_metrics()[name], text) == (
        expected if isinstance(expected, str) else pytest.approx(expected)
    )


def test_compression_is_low_for_a_text_that_repeats_itself() -> None:
    looping, varied = "love " * 100, "".join(chr(33 + (n * 7919) % 90) for n in range(500))

    assert value(text_metrics()["compression"], looping) == pytest.approx(
        len(zlib.compress(looping.encode(), 9)) / 500
    )
    assert float(value(text_metrics()["compression"], looping)) < 0.1
    assert float(value(text_metrics()["compression"], varied)) > 0.15


def test_every_metric_of_form_is_described() -> None:
    assert set(text_metrics()) == set(TEXT_METRICS)


def test_an_unknown_metric_of_form_is_refused_with_the_valid_ones() -> None:
    with pytest.raises(StudyError, match=r"'flesch'; valid: words, characters"):
        text_metrics(["flesch"])


def test_words_are_counted_whole() -> None:
    metric = count_of(["wedding", "Love"])

    assert value(metric, "LOVE, a wedding and weddings, lovely") == 2
    assert value(count_of(["Love"], case_sensitive=True), "love Love") == 1
    assert metric.kind == "words"
    assert metric.definition == {"metric": "count", "words": ["Love", "wedding"], "case_sensitive": False}


@pytest.mark.parametrize("words", [[], ["two words"], [""]])
def test_what_is_not_a_word_cannot_be_counted(words: list[str]) -> None:
    with pytest.raises(StudyError, match="valid: single words"):
        count_of(words)
