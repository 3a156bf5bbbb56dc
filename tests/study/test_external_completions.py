"""Read files of completions as people write them, right and wrong."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rater.errors import StudyError
from rater.study.arms import ExternalCompletions
from rater.study.conversation import RatedPart, Turn, write_replies, write_transcript
from rater.study.external_completions import Slot, read_external_completions
from rater.study.fields import Item

PROMPTS = ("The rain", "Two, or more")
Write = Callable[[str, str | bytes], ExternalCompletions]


def items_of(*prompts: str) -> list[Item]:
    return [Item(prompt=prompt) for prompt in prompts]


ITEMS = items_of(*PROMPTS)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function that writes a file of completions and declares an arm of it."""

    def written(name: str, content: str | bytes) -> ExternalCompletions:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return ExternalCompletions(name="gpt", path=name)

    return written


def line(prompt: str, text: str, arm: str = "gpt", **more: object) -> str:
    return json.dumps({"prompt": prompt, "arm": arm, "text": text, **more}, ensure_ascii=False) + "\n"


def read(arm: ExternalCompletions, folder: Path, samples: int = 1) -> dict[Slot, str]:
    return dict(read_external_completions(arm, folder, ITEMS, samples_per_prompt=samples).texts)


def test_a_jsonl_file_gives_a_text_for_each_prompt_and_sample(write: Write, tmp_path: Path) -> None:
    lines = [line(PROMPTS[1], " b0"), line(PROMPTS[0], " a0"), line("Another", " x", arm="other"),
             "\n", line(PROMPTS[1], " b1\u2028y"), line(PROMPTS[0], " a1", temperature=1)]  # fmt: skip
    arm = write("texts.jsonl", "\ufeff" + "".join(lines))

    assert read(arm, tmp_path, samples=2) == {
        Slot(0, 0): " a0", Slot(0, 1): " a1", Slot(1, 0): " b0", Slot(1, 1): " b1\u2028y",
    }  # fmt: skip


def test_a_csv_file_with_samples_gives_the_same(write: Write, tmp_path: Path) -> None:
    arm = write(
        "texts.csv",
        'sample,arm,prompt,text\r\n1,gpt,The rain," on\r\nand ""on"""\r\n0,gpt,The rain, off\r\n'
        '0,gpt,"Two, or more", ways\r\n1,gpt,"Two, or more", days\r\n',
    )

    assert read(arm, tmp_path, samples=2) == {
        Slot(0, 1): ' on\r\nand "on"', Slot(0, 0): " off", Slot(1, 0): " ways", Slot(1, 1): " days",
    }  # fmt: skip


def test_the_hash_is_the_files(write: Write, tmp_path: Path) -> None:
    content = line(PROMPTS[0], " a") + line(PROMPTS[1], " b")
    found = read_external_completions(write("texts.jsonl", content), tmp_path, ITEMS, samples_per_prompt=1)

    assert found.sha256 == hashlib.sha256(content.encode()).hexdigest()


def test_a_changed_file_is_named(write: Write, tmp_path: Path) -> None:
    arm = write("texts.jsonl", line(PROMPTS[0], " a") + line(PROMPTS[1], " b"))
    declared = arm.model_copy(update={"sha256": "0" * 64})

    with pytest.raises(StudyError, match=r"texts\.jsonl has changed: its SHA-256 is "):
        read(declared, tmp_path)


A, B = line(PROMPTS[0], " a"), line(PROMPTS[1], " b")
HEAD = "prompt,arm,text\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.jsonl", A + line("The rian", " x"), "'The rian', which is not a prompt of the study. Did"),
        ("t.jsonl", A + line("z" * 99, " x"), "the study. Copy the exact prompts from the study file"),
        ("t.jsonl", A, "has no text of arm 'gpt' for prompts[1] 'Two, or more', sample 0;"),
        ("t.jsonl", A + line(PROMPTS[1], " "), ":2 has an empty text;"),
        ("t.jsonl", A + line(PROMPTS[1], " \u200b\ufeff"), ":2 has an empty text;"),
        ("t.jsonl", A + B + A, ":3 is sample 1 of its prompt, but sampling.samples_per_prompt is 1"),
        ("t.jsonl", line(PROMPTS[0], " a", sample=0) * 2, "the same prompt, arm and sample as line 1;"),
        ("t.jsonl", line(PROMPTS[0], " a", sample=0) + B, ":2 has no sample number, unlike line 1;"),
        ("t.jsonl", A + line(PROMPTS[1], " b", sample=0), ":2 has a sample number, unlike line 1;"),
        ("t.jsonl", line(PROMPTS[0], " a", sample=-1), ":1 has the sample -1; valid: a number from 0"),
        ("t.jsonl", line(PROMPTS[0], " a", sample=True), ":1 has the sample True;"),
        ("t.jsonl", A + '{"prompt": "x"', ":2 is not JSON (Expecting ',' delimiter);"),
        ("t.jsonl", A + "[" * 100_000, ":2 is not JSON (too deep);"),
        ("t.jsonl", A + "[1]", ":2 is not a JSON object;"),
        ("t.jsonl", '{"prompt": "x", "arm": "gpt", "texts": "y"}', "sample. Is it 'texts'?"),
        ("t.jsonl", '{"prompt": "The rain", "arm": "gpt", "text": 3}', ":1 has the text 3;"),
        ("t.jsonl", '{"prompt": "The rain", "arm": "gpt", "text": "\\ud800"}', "an unpaired surrogate"),
        ("t.jsonl", line(PROMPTS[0], "y" * 100_000), ":1 has a text of 100,000 characters; valid: at most"),
        ("t.jsonl", line(PROMPTS[0], " a", arm="gtp"), "has no line for the arm 'gpt'. Did you mean 'gtp'?"),
        ("t.jsonl", "", "t.jsonl is empty;"),
        ("t.jsonl", A.encode() + b'{"prompt": "caf\xe9"}', ":2 is not UTF-8 (byte 0xe9);"),
        ("t.csv", HEAD + "Two, or more,gpt, b\n", ":2 has 4 fields, but the header has 3"),
        ("t.csv", HEAD + 'The rain,gpt,"a\nb\n', ":2: a quote opens a field that is never closed"),
        ("t.csv", HEAD + "The rain,gpt," + "y" * 200_000, ":2: a field has more than 131,072 characters"),
        ("t.csv", "prompt,arm,text,sample\nThe rain,gpt, a,1.5\n", ":2 has the sample '1.5';"),
        ("t.csv", "prompt,arm,text,text\nThe rain,gpt, a, b\n", "the column 'text' is there twice"),
        ("t.csv", "", "is empty;"),
        ("t.txt", "", "t.txt is not a file of completions; valid: one that ends in .csv"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(
    write: Write, tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    arm = write(name, content)

    with pytest.raises(StudyError) as caught:
        read(arm, tmp_path)

    assert message in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_file_that_is_not_there_is_named_with_the_nearest(write: Write, tmp_path: Path) -> None:
    write("texts.jsonl", A)

    with pytest.raises(StudyError, match=r"No such file or directory\. Did you mean 'texts\.jsonl'\? Paths"):
        read(ExternalCompletions(name="gpt", path="text.jsonl"), tmp_path)


@pytest.mark.parametrize("prompt", ["The  rain", "The\u00a0rain", "\u200bThe rain "])
def test_a_prompt_that_looks_like_the_studys_is_it(write: Write, tmp_path: Path, prompt: str) -> None:
    arm = write("t.jsonl", line(prompt, " a", arm="gpt\u00a0") + B)

    assert read(arm, tmp_path) == {Slot(0, 0): " a", Slot(1, 0): " b"}


def test_a_prompt_that_looks_like_two_of_the_study_is_refused(write: Write, tmp_path: Path) -> None:
    arm = write("t.jsonl", line("So\u00a0", " a"))

    with pytest.raises(StudyError, match=r"looks like prompts\[0\] and prompts\[1\]"):
        read_external_completions(arm, tmp_path, items_of("So", "So "), samples_per_prompt=1)
    arm = write("t.jsonl", line("So", " a") + line("So ", " b"))
    assert (
        len(read_external_completions(arm, tmp_path, items_of("So", "So "), samples_per_prompt=1).texts) == 2
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.tsv", "prompt\tarm\ttext\nThe rain\tgpt\t a\nTwo, or more\tgpt\t b\n"),
        ("t.csv", "prompt;arm;text\nThe rain;gpt; a\nTwo, or more;gpt; b\n"),
        ("t.json", "[" + A.strip() + "," + B.strip() + "]"),
    ],
)
def test_other_formats_of_tables_are_read_with_the_texts_first_blanks(
    write: Write, tmp_path: Path, name: str, content: str
) -> None:
    assert read(write(name, content), tmp_path) == {Slot(0, 0): " a", Slot(1, 0): " b"}


CONCEPTS = [Item(prompt="Tell me", concept="love"), Item(prompt="Tell me", concept="anger")]


def test_a_column_of_a_field_tells_items_with_the_same_prompt_apart(write: Write, tmp_path: Path) -> None:
    arm = write("texts.jsonl", line("Tell me", " a", concept="anger") + line("Tell me", " b", concept="love"))

    found = read_external_completions(arm, tmp_path, CONCEPTS, samples_per_prompt=1)

    assert found.texts == {Slot(0, 0): " b", Slot(1, 0): " a"}


def test_items_with_the_same_prompt_need_the_column_of_their_field(write: Write, tmp_path: Path) -> None:
    arm = write("texts.jsonl", line("Tell me", " a") + line("Tell me", " b"))

    with pytest.raises(StudyError, match="add the column concept"):
        read_external_completions(arm, tmp_path, CONCEPTS, samples_per_prompt=1)


def test_a_file_cannot_give_a_text_another_field_than_its_item(write: Write, tmp_path: Path) -> None:
    items = [Item(prompt="Tell me", concept="love"), Item(prompt="And then", concept="anger")]
    arm = write(
        "texts.jsonl", line("Tell me", " a", concept="love") + line("And then", " b", concept="method B")
    )

    with pytest.raises(StudyError, match=r"has the concept 'method B', but the items .* concept 'anger'"):
        read_external_completions(arm, tmp_path, items, samples_per_prompt=1)


def test_a_column_of_a_field_must_not_be_empty(write: Write, tmp_path: Path) -> None:
    arm = write("texts.jsonl", line("Tell me", " a", concept=" ") + line("Tell me", " b", concept="love"))

    with pytest.raises(StudyError, match="has an empty concept"):
        read_external_completions(arm, tmp_path, CONCEPTS, samples_per_prompt=1)


DEEP = (Turn("user", "Hi"), Turn("assistant", "Hello"), Turn("user", "Why?"))
OPEN = (Turn("user", "Hi"), Turn("user", "Why?"))
Dump = Callable[[tuple[Turn, ...]], list[dict[str, str]]]


def as_messages(turns: tuple[Turn, ...]) -> list[dict[str, str]]:
    """The turns as the interfaces of language models have them."""
    return [{"role": turn.role, "content": turn.text} for turn in turns]


def as_turns(turns: tuple[Turn, ...]) -> list[dict[str, str]]:
    return [turn.model_dump() for turn in turns]


def read_chats(
    arm: ExternalCompletions, folder: Path, turns: tuple[Turn, ...], rated: RatedPart
) -> dict[Slot, str]:
    items = [Item(turns=turns)]
    return dict(read_external_completions(arm, folder, items, samples_per_prompt=1, rated=rated).texts)


@pytest.mark.parametrize("dump", [as_messages, as_turns])
def test_the_prompt_of_a_conversation_is_a_list_of_turns(write: Write, tmp_path: Path, dump: Dump) -> None:
    arm = write("texts.jsonl", json.dumps({"prompt": dump(DEEP), "arm": "gpt", "text": "Because."}))

    assert read_chats(arm, tmp_path, DEEP, "last_turn") == {Slot(0, 0): "Because."}


def test_a_whole_conversation_has_the_list_of_its_generated_turns(write: Write, tmp_path: Path) -> None:
    content = {"prompt": as_turns(OPEN), "arm": "gpt", "text": ["Hello", "Because."]}
    arm = write("texts.jsonl", json.dumps(content))

    assert read_chats(arm, tmp_path, OPEN, "conversation") == {
        Slot(0, 0): write_replies(["Hello", "Because."])
    }


def test_a_csv_file_has_transcripts(write: Write, tmp_path: Path) -> None:
    cells = ('"' + write_transcript(OPEN) + '"', "gpt", '"' + write_replies(["Hello", "Because."]) + '"')
    arm = write("texts.csv", "prompt,arm,text\n" + ",".join(cells) + "\n")

    assert read_chats(arm, tmp_path, OPEN, "conversation") == {
        Slot(0, 0): write_replies(["Hello", "Because."])
    }


@pytest.mark.parametrize(
    ("fields", "rated", "phrase"),
    [
        ({"text": "Hello"}, "conversation", "valid: a list of the assistant's turns"),
        ({"text": ["Hello"]}, "conversation", "has 1 turn of the assistant, but its conversation needs 2"),
        ({"text": ["Hello", " "]}, "conversation", "an empty turn of the assistant"),
        ({"text": [{"role": "user", "text": "Hi"}] * 2}, "conversation", "a list of the assistant's turns"),
        ({"text": ["Hello", "You"]}, "last_turn", "valid: a text, in quotes"),
        ({"prompt": [{"role": "bot", "text": "Hi"}]}, "last_turn", "with the role system, user or assistant"),
        ({"prompt": as_turns(DEEP)}, "last_turn", "not a prompt of the study"),
    ],
)
def test_a_text_that_is_not_of_the_conversation_is_refused_with_its_line(
    write: Write, tmp_path: Path, fields: dict[str, object], rated: RatedPart, phrase: str
) -> None:
    whole = {"prompt": as_turns(OPEN), "arm": "gpt", "text": "Hello", **fields}
    arm = write("texts.jsonl", json.dumps(whole))

    with pytest.raises(StudyError, match=phrase) as error:
        read_chats(arm, tmp_path, OPEN, rated)

    assert "texts.jsonl:1" in str(error.value)


def test_a_study_of_prompts_takes_no_list(write: Write, tmp_path: Path) -> None:
    arm = write("texts.jsonl", json.dumps({"prompt": as_turns(OPEN), "arm": "gpt", "text": "Hello"}))

    with pytest.raises(StudyError, match="valid: a text, in quotes"):
        read(arm, tmp_path)
