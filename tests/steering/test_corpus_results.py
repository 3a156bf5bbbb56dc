import math
from pathlib import Path

import pytest

from rater.errors import ModelError
from rater.steering.corpus_results import CorpusFile, TextChange, summarise_corpus
from rater.steering.sweep_results import SweepSetting

SETTING = SweepSetting(6, 1.0)
ABOUT = {"model": "a"}


def change(number: int, sums: tuple[float, float], n_tokens: int = 10, label: str = "w") -> TextChange:
    return TextChange(SETTING, label, number, n_tokens, *sums)


def test_each_token_counts_once_in_the_mean() -> None:
    [found] = summarise_corpus([change(0, (-10, -5)), change(1, (-30, -31), n_tokens=30)])

    assert (found.n_texts, found.n_tokens, found.label) == (2, 40, "w")
    assert found.mean_change == pytest.approx(4 / 40)
    assert found.perplexity_ratio == pytest.approx(math.exp(-0.1))


def test_the_interval_is_that_of_the_texts() -> None:
    texts = [change(number, (-20, -20 + number % 3 + number / 1000), n_tokens=10) for number in range(30)]

    [found], [again] = summarise_corpus(texts), summarise_corpus(texts)

    # Each text has a mean change of 0, 0.1 or 0.2: the standard error of 30 of them is 0.0149.
    assert found.low == pytest.approx(math.exp(-0.1 - 1.96 * 0.0149), abs=0.005)
    assert found.high == pytest.approx(math.exp(-0.1 + 1.96 * 0.0149), abs=0.005)
    assert (again.low, again.high) == (found.low, found.high)
    [other] = summarise_corpus(texts, seed=1)
    assert (other.low, other.high) != (found.low, found.high)


def test_a_single_text_has_no_interval() -> None:
    [found] = summarise_corpus([change(0, (-10, -5))])

    assert found.low is found.high is None


def test_a_text_without_a_counted_token_is_refused() -> None:
    with pytest.raises(ModelError, match=r"Text 3 of label 'w' has no token that is counted"):
        summarise_corpus([change(3, (0, 0), n_tokens=0)])


def test_a_file_gives_back_complete_settings(tmp_path: Path) -> None:
    path = tmp_path / "corpus.csv"
    whole = [change(0, (-10.123456789012, -5)), change(1, (-3, -4)), change(0, (-1, -2), label="s")]
    prompted = [TextChange("prompted", each.label, each.text, 4, -2.5, -1.5) for each in whole]
    file = CorpusFile(path, ABOUT, 3)

    file.append(whole)
    file.append(prompted)

    assert CorpusFile(path, ABOUT, 3).read() == {SETTING: whole, "prompted": prompted}
    path.write_text(path.read_text()[:-40])  # as a crash would leave it
    assert CorpusFile(path, ABOUT, 3).read() == {SETTING: whole}
    CorpusFile(path, ABOUT, 3).append(prompted)
    assert CorpusFile(path, ABOUT, 3).read() == {SETTING: whole, "prompted": prompted}


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "corpus.csv"
    CorpusFile(path, ABOUT, 1).append([change(0, (-10, -5))])

    with pytest.raises(ModelError, match="was measured with model 'a', and this corpus has 'b'"):
        CorpusFile(path, {"model": "b"}, 1).read()
    path.write_text(path.read_text().replace("-10", "ten"))
    with pytest.raises(ModelError, match="has a line that is not a corpus's"):
        CorpusFile(path, ABOUT, 1).read()
