from pathlib import Path

import pandas as pd
import pytest

from rater.errors import StudyError, TableError
from rater.study.dimension import Dimension
from rater.study.scales import Likert, Slider
from rater.terminal.text_ratings import TextAnswer, TextToRate
from rater.workspace.rated_texts import RatedTexts, plan_input, read_texts, require_plan

HAPPY = Dimension(name="answer", question="How happy?", scale=Likert(points=7, low="not", high="very"))


def answer(text: TextToRate, value: float | None, *, position: int = 1) -> TextAnswer:
    return TextAnswer(
        rater="ana",
        position=position,
        item=text.item,
        prompt=text.prompt,
        text=text.text,
        question="How happy?",
        scale="7 points",
        answer=value,
        shown_ms=1000,
        answered_at="2026-01-02",
    )


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "prompts": ["I think", "I think", "We", "We"],
            "completions": [" so.", " not.", " ran.", " sat."],
            "is_modified": [False, True, False, True],
        }
    )


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "json", "parquet"])
def test_a_frame_of_llm_steering_is_read_from_every_format(
    frame: pd.DataFrame, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"texts.{ending}"
    write = {
        "csv": lambda: frame.to_csv(path, index=False),
        "tsv": lambda: frame.to_csv(path, index=False, sep="\t"),
        "jsonl": lambda: frame.to_json(path, orient="records", lines=True),
        "json": lambda: frame.to_json(path, orient="records"),
        "parquet": lambda: frame.to_parquet(path),
    }
    write[ending]()

    rated = read_texts(path)

    assert rated.texts["2"] == TextToRate("2", "I think", " not.")
    assert rated.arms == {"1": "unsteered", "2": "steered", "3": "unsteered", "4": "steered"}


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_text("id,question,answer,model\na,Why?,Because.,A\nb,Why?,So.,B\n")

    columns = {"text": "answer", "prompt": "question", "arm": "model", "item": "id"}
    rated = read_texts(path, columns=columns)

    assert rated.texts == {"a": TextToRate("a", "Why?", "Because."), "b": TextToRate("b", "Why?", "So.")}
    assert rated.arms == {"a": "A", "b": "B"}
    assert rated.has_contrast


@pytest.mark.parametrize(
    ("content", "phrase"),
    [
        ("prompt,words\nx,y\n", "no column 'text' or 'completion'"),
        ("text,completion\nx,y\n", "'text' and 'completion'; name the text with --text"),
        ("text,arm\nx,a\n  ,b\n", "texts.csv:3: text is empty"),
        ("text,item\nx,1\ny,1\n", "the item '1', which is there twice"),
        ("text,arm\nx,\n", "texts.csv:2: arm is empty"),
        (f"text\n{'x' * 20_001}\n", "20,001 characters; valid: at most 20,000"),
    ],
)
def test_a_table_that_cannot_be_rated_is_refused_with_its_line(
    tmp_path: Path, content: str, phrase: str
) -> None:
    path = tmp_path / "texts.csv"
    path.write_text(content)

    with pytest.raises(TableError) as refused:
        read_texts(path)

    assert phrase in str(refused.value)


def test_answers_get_their_arms_and_the_scale_of_the_question(frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    frame.to_csv(path, index=False)
    rated = read_texts(path)
    values = [1.0, 3.0, 2.0, None]
    answers = [
        answer(text, value, position=at)
        for at, (text, value) in enumerate(zip(rated.texts.values(), values, strict=True), start=1)
    ]

    data = plan_input(rated, answers, HAPPY)

    assert data.plan.contrast == ("steered", "unsteered")
    assert data.plan.dimensions[0].scale.highest == 7
    assert data.frame["arm"].tolist() == ["unsteered", "steered", "unsteered", "steered"]
    assert data.frame["cannot_judge"].tolist() == [False, False, False, True]


def test_texts_without_prompts_are_prompts_of_their_own() -> None:
    texts = {item: TextToRate(item, "", f"text {item}") for item in "abcd"}
    rated = RatedTexts("texts.csv", texts, {"a": "x", "b": "base", "c": "x", "d": "base"})
    scale = Slider(minimum=0, maximum=10, low="not", high="very")
    dimension = HAPPY.model_copy(update={"scale": scale})

    data = plan_input(rated, [answer(text, 3.0) for text in texts.values()], dimension)

    assert data.frame["prompt"].nunique() == 4
    assert (data.plan.dimensions[0].scale.lowest, data.plan.dimensions[0].scale.highest) == (0, 10)


def test_an_unknown_contrast_is_found_before_anyone_rates() -> None:
    texts = {item: TextToRate(item, "p", f"text {item}") for item in "abc"}
    rated = RatedTexts("texts.csv", texts, {"a": "x", "b": "y", "c": "z"})

    with pytest.raises(StudyError, match="there are 3 arms"):
        require_plan(rated, HAPPY)
    require_plan(rated, HAPPY, contrast=["x,z"])
