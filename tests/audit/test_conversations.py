"""Studies of conversations from their files to the pages: published, audited and rehearsed."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rater import (
    AttentionCheck,
    BlindingQuestion,
    Dimension,
    ExternalCompletions,
    Item,
    Likert,
    Pairwise,
    Plan,
    Practice,
    Sampling,
    ShuffledWords,
    Study,
    Turn,
)
from rater.audit.run import audit_study
from rater.generate.freeze import freeze, take_external_completions
from rater.publish.publish import publish_study
from rater.store.engine import disposing, reading
from rater.store.rating.open import open_rating
from rater.store.rating.publication import read_items
from rater.study.conversation import read_replies
from rater.verify import verify_study

NOW = datetime(2026, 4, 1, tzinfo=UTC)
QUESTIONS = ("How do I boil an egg?", "What is a noun?", "Where is Rome?", "Why is it cold?")
LISTED = "<think>The user asks; I <b>list</b>.</think>\n\nSure, here **it** is:\n\n- first {n}\n- second\n"
PROSE = "That is easy to say in one sentence, and this is the sentence number {n}."


def deep(question: str) -> tuple[Turn, ...]:
    return (Turn("user", "Hello"), Turn("assistant", "*Hi!*"), Turn("user", question))


def wide(question: str) -> tuple[Turn, ...]:
    return (Turn("user", question), Turn("user", "Thanks & bye"))


@pytest.fixture
def sealed_study(tmp_path: Path, sealed_url: str) -> Any:
    """A function that seals a study whose arms differ in form: one writes lists after reasoning."""

    def seal(**changed: Any) -> Study:
        whole = changed.get("rated") == "conversation"
        items = tuple(Item(turns=(wide if whole else deep)(question)) for question in QUESTIONS)
        with (tmp_path / "texts.jsonl").open("w", encoding="utf-8") as file:
            for number, item in enumerate(items):
                turns = [turn.model_dump() for turn in item.turns]
                for arm, form in (("lists", LISTED), ("prose", PROSE)):
                    for sample in range(3):
                        text = form.format(n=3 * number + sample)
                        line = {"prompt": turns, "arm": arm, "text": [text, "Bye"] if whole else text}
                        file.write(json.dumps(line) + "\n")
        fields = {
            "name": "chats",
            "title": "Which is better?",
            "consent": "You will rate texts.",
            "instructions": "Read, then choose.",
            "dimensions": (Dimension(name="better", question="Which is better?", scale=Pairwise()),),
            "items": items,
            "chat": True,
            "rendering": "markdown",
            "arms": tuple(ExternalCompletions(name=name, path="texts.jsonl") for name in ("lists", "prose")),
            "sampling": Sampling(samples_per_prompt=3),
            "plan": Plan(raters=6),
        }
        study = Study.model_validate({**fields, **changed})
        missing = freeze(sealed_url, study, now=NOW)
        take_external_completions(sealed_url, study, missing, tmp_path, now=NOW)
        return study

    return seal


def texts_of(rating_url: str) -> list[str]:
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        return [item.text for item in read_items(session, 1) if not item.is_check]


@pytest.mark.parametrize("reasoning", ["hidden", "folded", "shown", None])
def test_arms_that_differ_in_form_are_confounded_and_no_leak(
    sealed_study: Any, sealed_url: str, rating_url: str, reasoning: str | None
) -> None:
    sealed_study(
        reasoning=reasoning,
        practice=(Practice(turns=deep("What is 2 + 2?"), text="`4`", other_texts=("*No idea*",)),),
        blinding=BlindingQuestion(question="Was it changed?", n_texts=2),
        guessed_arms=("lists",),
    )
    publish_study(sealed_url, rating_url, "chats", now=NOW)

    found = audit_study(sealed_url, rating_url, "chats", now=NOW)

    assert found.leaks == ()
    assert not any(cue.refuses for cue in found.cues)
    confounds = {cue.name for cue in found.cues if cue.is_confound}
    assert "list items" in confounds
    assert ("reasoning" in confounds) == (reasoning in {"folded", "shown"})
    signs = {"Markdown and brackets", "characters beyond ASCII"}
    assert bool(signs & confounds) == (reasoning in {"shown", None})  # the tags in the reasoning are seen
    assert any("<think>" in text for text in texts_of(rating_url)) == (reasoning != "hidden")


def test_a_whole_conversation_is_audited_with_practice_and_checks(
    sealed_study: Any, sealed_url: str, rating_url: str
) -> None:
    sealed_study(
        rated="conversation",
        reasoning="hidden",
        dimensions=(Dimension(name="fluency", question="How fluent?", scale=Likert(low="not", high="very")),),
        practice=(Practice(turns=wide("Who?"), text=("I.", "Bye."), accepted={"fluency": (4, 5)}),),
        plan=Plan(
            raters=4,
            checks=(
                AttentionCheck(
                    turns=deep("Choose 1."), text=("Please choose 1.",), accepted={"fluency": (1, 1)}
                ),
                ShuffledWords(dimension="fluency", accepted=(1, 2)),
            ),
        ),
    )
    publish_study(sealed_url, rating_url, "chats", now=NOW)

    found = audit_study(sealed_url, rating_url, "chats", now=NOW)

    assert found.leaks == ()
    assert not any(cue.refuses for cue in found.cues)
    assert {len(read_replies(text)) for text in texts_of(rating_url)} == {2}
    assert not any("think" in text for text in texts_of(rating_url))


def test_a_published_study_of_conversations_is_verified(
    sealed_study: Any, sealed_url: str, rating_url: str
) -> None:
    sealed_study(reasoning="folded")
    publish_study(sealed_url, rating_url, "chats", now=NOW)

    checks = list(verify_study(rating_url, "chats", sealed_url=sealed_url))

    assert checks
    assert [check for check in checks if check.is_tampered] == []
