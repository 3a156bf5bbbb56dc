"""Run classifiers and embeddings on a tiny model with random weights that the test saves itself.

Its values mean nothing: the tests hold the numbers to the same model called by hand.
"""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from rater.errors import ModelError
from rater.measure import classifier, embedding_distance, measure
from rater.measure.metric import Shown

UNKNOWN = {"unk_token": "[UNK]"}
MARKS = {"pad_token": "[PAD]", **UNKNOWN}
WORDS = ["[PAD]", "[UNK]", "i", "love", "hate", "you", "."]
TEXTS = ["i love you .", "i hate you .", "love love love", "you"]


def save(folder: Path, labels: list[str]) -> str:
    torch.manual_seed(1)
    make_config: Any = BertConfig
    config = make_config(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        pad_token_id=0,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    words = Tokenizer(WordLevel({word: place for place, word in enumerate(WORDS)}, **UNKNOWN))
    words.pre_tokenizer = Whitespace()
    fast: Any = PreTrainedTokenizerFast
    fast(tokenizer_object=words, model_max_length=32, **MARKS).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save(tmp_path_factory.mktemp("three"), ["calm", "toxic", "insult"])


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save(tmp_path_factory.mktemp("two"), ["NEGATIVE", "POSITIVE"])


def by_hand(folder: str, text: str) -> torch.Tensor:
    model: Any = BertForSequenceClassification.from_pretrained(folder)
    model.eval()
    ids = torch.tensor([[WORDS.index(word) for word in text.split()]])
    with torch.no_grad():
        logits: torch.Tensor = model(input_ids=ids).logits[0]
    return logits.softmax(-1)


def test_the_score_is_the_probability_of_the_positive_labels(three: str) -> None:
    frame = pd.DataFrame({"text": TEXTS})

    measured = measure(frame, {"bad": classifier(three, ["toxic", "insult"])})

    for text, score, label in zip(TEXTS, measured["bad_score"], measured["bad_label"], strict=True):
        shares = by_hand(three, text)
        assert score == pytest.approx(float(shares[1] + shares[2]), abs=1e-5)
        assert label == ["calm", "toxic", "insult"][int(shares.argmax())]
    assert list(measured.columns) == ["text", "bad_score", "bad_label", "bad_is_positive"]


def test_a_label_named_positive_counts_by_default(two: str) -> None:
    (_, found), *_ = list(classifier(two).measure([(Shown("", TEXTS[0]),)]))

    assert found.value == pytest.approx(float(by_hand(two, TEXTS[0])[1]), abs=1e-5)


def test_several_labels_need_a_choice_and_an_unknown_one_is_named(three: str) -> None:
    units = [(Shown("", "i"),)]

    with pytest.raises(ModelError, match="has the labels calm, toxic, insult"):
        list(classifier(three).measure(units))
    with pytest.raises(ModelError, match="no label 'toxik'"):
        list(classifier(three, ["toxik"]).measure(units))


def test_a_model_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        list(classifier(str(tmp_path)).measure([(Shown("", "i"),)]))


def test_a_distance_is_0_to_the_text_itself_and_compares_with_the_prompt_by_default(two: str) -> None:
    units = [(Shown("i love you", "i love you"),), (Shown("i hate", "you ."),), (Shown("i", ""),)]

    to_prompt = dict(embedding_distance(two).measure(units))
    to_text = dict(embedding_distance(two, ["you ."]).measure(units))

    assert to_prompt[0].value == pytest.approx(0, abs=1e-6)
    assert to_prompt[1].value is not None
    assert to_prompt[1].value > 1e-4
    assert to_text[1].value == pytest.approx(0, abs=1e-6)
    assert to_text[0].value is not None
    assert to_text[0].value > 1e-4
    assert (to_text[2].value, to_text[2].reason) == (None, "no tokens")
