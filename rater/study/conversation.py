"""Conversations: lists of turns, and their form as one text.

Databases, tables and labels keep a conversation as a transcript. Each turn begins with its role in brackets,
on a line of its own, and an empty line separates turns::

    [user]
    Name a fruit.

    [assistant]
    An apple.

A line of a turn that reads like such a heading gets a backslash before it. So every conversation has one
transcript, and `read_transcript` returns the turns exactly.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator

from rater.study.declaration import Declaration, Text

Role = Literal["system", "user", "assistant"]
RatedPart = Literal["last_turn", "conversation"]

_ROLES = "system|user|assistant"
_HEADING = re.compile(rf"(?:\A|\n\n)\[({_ROLES})\](?:\n|\Z)")
_LIKE_A_HEADING = re.compile(rf"^(\\*\[(?:{_ROLES})\])$", re.MULTILINE)
_ESCAPED = re.compile(rf"^\\(\\*\[(?:{_ROLES})\])$", re.MULTILINE)
_LINE_ENDS = re.compile(r"\r\n?")


class TurnText(NamedTuple):
    """A turn of a conversation; unlike that of a declaration, its text may be empty."""

    role: Role
    text: str


class Turn(Declaration):
    """One turn of a conversation: ``Turn("user", "Name a fruit.")``."""

    role: Role
    """The author of the turn: "system", "user" or "assistant". (rater)"""
    text: Text
    """The text of the turn. (rater)"""

    def __init__(self, *given: Any, **fields: Any) -> None:
        """Take the role and the text, by position or by name.

        Raises:
            TypeError: More than two values are given by position.
        """
        if len(given) > 2:
            msg = f"Turn takes a role and a text, but {len(given)} values were given"
            raise TypeError(msg)
        super().__init__(**dict(zip(("role", "text"), given, strict=False)), **fields)


AnyTurn = Turn | TurnText


class Transcript(str):
    """The transcript of a conversation that a model continues; any other prompt is a plain `str`."""

    __slots__ = ()


def write_transcript(turns: Iterable[AnyTurn]) -> str:
    """Return the transcript of a conversation. Line ends become line feeds."""
    return "\n\n".join(
        f"[{turn.role}]\n" + _LIKE_A_HEADING.sub(r"\\\1", _LINE_ENDS.sub("\n", turn.text)) for turn in turns
    )


def read_transcript(text: str) -> tuple[TurnText, ...]:
    """Return the turns of a transcript.

    Raises:
        ValueError: If the text does not begin with the role of a turn.
    """
    if _HEADING.match(text) is None or text.startswith("\n"):
        msg = f"a transcript begins with [system], [user] or [assistant]; this text begins with {text[:20]!r}"
        raise ValueError(msg)
    # the parts are a prefix, which is empty, and then role and text in turn
    parts = _HEADING.split(text)[1:]
    roles: Sequence[Any] = parts[::2]
    texts = [_ESCAPED.sub(r"\1", part) for part in parts[1::2]]
    return tuple(TurnText(role, own) for role, own in zip(roles, texts, strict=True))


def require_order(turns: Sequence[AnyTurn]) -> None:
    """Refuse turns that an assistant's turn cannot follow.

    Two turns of the user may follow each other: the assistant's turn between them is then to be generated.

    Raises:
        ValueError: If a system turn is not the first, the user does not begin or end, or the assistant has
            two turns in a row; pydantic adds the place.
    """
    for number, turn in enumerate(turns):
        if turn.role == "system" and number:
            msg = f"turns[{number}] is of the system; only the first turn can be"
            raise ValueError(msg)
        before = turns[number - 1].role if number else "system"
        if turn.role == "assistant" and before != "user":
            what = "a turn of the assistant" if before == "assistant" else "no turn of the user"
            msg = f"turns[{number}] is of the assistant, after {what}; valid: after a turn of the user"
            raise ValueError(msg)
    if turns and turns[-1].role != "user":
        msg = (
            f"the last of the turns is of the {turns[-1].role}, but the completion replies to the user; "
            "end with a Turn('user', '…')"
        )
        raise ValueError(msg)


def n_replies(turns: Sequence[AnyTurn]) -> int:
    """Return how many turns of the assistant are to be generated: one for each user turn without a reply."""
    following = [*turns[1:], None]
    return sum(
        turn.role == "user" and (after is None or after.role != "assistant")
        for turn, after in zip(turns, following, strict=True)
    )


def insert_replies(turns: Sequence[AnyTurn], replies: Sequence[str]) -> tuple[tuple[TurnText, bool], ...]:
    """Return a conversation with generated turns in their places, and whether each turn was generated.

    Args:
        turns: The declared turns.
        replies: The texts of the generated turns, in order. With fewer than `n_replies` the conversation ends
            at the first user turn without a reply, as it does while it is generated.
    """
    told: list[tuple[TurnText, bool]] = []
    left = list(replies)
    for turn in turns:
        if told and told[-1][0].role == "user" and turn.role != "assistant":
            if not left:
                return tuple(told)
            told.append((TurnText("assistant", left.pop(0)), True))
        told.append((TurnText(turn.role, turn.text), False))
    if left:
        told.append((TurnText("assistant", left[0]), True))
    return tuple(told)


def write_replies(replies: Iterable[str]) -> str:
    """Return generated turns of the assistant as one text, a transcript."""
    return write_transcript(TurnText("assistant", reply) for reply in replies)


def read_replies(text: str) -> tuple[str, ...]:
    """Return the generated turns of a text.

    Raises:
        ValueError: If the text is not a transcript of turns of the assistant.
    """
    turns = read_transcript(text)
    for turn in turns:
        if turn.role != "assistant":
            msg = f"a text has the generated turns, of the assistant; this one has a turn of the {turn.role}"
            raise ValueError(msg)
    return tuple(turn.text for turn in turns)


def _join_replies(value: object) -> object:
    if isinstance(value, list | tuple) and value and all(isinstance(each, str) for each in value):
        return write_replies(value)
    return value


CompletionText = Annotated[Text, BeforeValidator(_join_replies)]
"""The text of a completion; of a whole conversation, a list with the turns of the assistant."""


def with_prompt(given: Any) -> Any:
    """Add the transcript of its turns to a declaration that is given without a prompt.

    Turns that are not valid are left alone: they are refused in their own place.
    """
    if not isinstance(given, dict) or "prompt" in given or not given.get("turns"):
        return given
    turns = given["turns"]
    try:
        read = [turn if isinstance(turn, Turn) else Turn.model_validate(turn) for turn in turns]
    except (TypeError, ValueError):
        return {**given, "prompt": "?"}
    return {**given, "prompt": write_transcript(read)}


def require_turns(prompt: str, turns: Sequence[Turn]) -> None:
    """Refuse turns that are not a conversation, or that differ from the prompt; and a missing prompt.

    Raises:
        ValueError: If they are not valid; pydantic adds the place.
    """
    if not prompt:
        msg = "prompt is missing; give prompt, or turns"
        raise ValueError(msg)
    require_order(turns)
    if turns and prompt != write_transcript(turns):
        msg = "prompt differs from the transcript of turns; leave prompt out"
        raise ValueError(msg)
