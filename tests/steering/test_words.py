"""Hold the count of words to texts."""

from rater.steering.words import count_words


def test_words_are_counted_whatever_their_case() -> None:
    text = "I don't LOVE weddings; the wedding, though, was a wedding-party's. Größe 日本"

    assert count_words(text) == 13
    assert count_words(text, ["wedding", "Love"]) == 3
    assert count_words(text, ["don't"]) == 1
    assert count_words("") == 0
    assert count_words("Love, love and LOVE", ["love"], case_sensitive=True) == 1
