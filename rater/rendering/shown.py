"""A completion with its prompt as raters see it: turns, each with parts, and the same as plain text.

The form depends on the protocol alone, never on an arm. A study with prompts and plain text has no turns: its
texts continue their prompt in one paragraph (`Protocol.has_blocks`).
"""

from dataclasses import dataclass

from markupsafe import Markup

from rater.rendering.markdown import count_forms, plain_text, render_completion
from rater.rendering.reasoning import Part, has_reasoning, split_reasoning, without_reasoning
from rater.sanitize import sanitize_for_display
from rater.study.confounds import TextCue
from rater.study.conversation import Role, TurnText, insert_replies, read_replies, read_transcript
from rater.study.protocol import Protocol


@dataclass(frozen=True)
class ShownPart:
    """A part of a turn: its answer or its reasoning."""

    text: str
    html: Markup | None
    """The rendered Markdown; None for plain text."""
    is_reasoning: bool = False
    is_folded: bool = False


@dataclass(frozen=True)
class ShownTurn:
    """A turn of a conversation, or a prompt or completion of its own."""

    role: Role | None
    """None where the study has prompts instead of conversations."""
    parts: tuple[ShownPart, ...]
    is_generated: bool
    """True for what an arm generated."""
    is_marked: bool = False
    """True if the turn is rated and others are not."""


@dataclass(frozen=True)
class ShownText:
    """A completion with its prompt."""

    context: tuple[ShownTurn, ...]
    """The part that the texts of a trial share: the prompt, or the conversation before the rated turn."""
    turns: tuple[ShownTurn, ...]
    """The rated turn, or the whole conversation."""


def show_text(protocol: Protocol, prompt: str, text: str, *, heading: int = 2) -> ShownText:
    """Return a completion with its prompt as a page shows them.

    Args:
        protocol: The protocol, with the rated part, the rendering and the rule for reasoning.
        prompt: The prompt, or the transcript of a conversation.
        text: The completion, or the transcript of the generated turns.
        heading: The level of the highest heading of a rendered completion.

    Raises:
        ValueError: The prompt or text is not a transcript, although the study has conversations.
    """
    given, generated = _turns_of(protocol, prompt, text)
    context = () if protocol.rated == "conversation" else given
    told = generated if protocol.rated != "conversation" else insert_replies(given, read_replies(text))
    mark = protocol.rated == "last_turn"
    return ShownText(
        context=tuple(_show(protocol, turn, heading, is_generated=False) for turn in context),
        turns=tuple(
            _show(protocol, turn, heading, is_generated=is_generated, is_marked=mark and is_generated)
            for turn, is_generated in told
        ),
    )


def _turns_of(
    protocol: Protocol, prompt: str, text: str
) -> tuple[tuple[TurnText, ...], tuple[tuple[TurnText, bool], ...]]:
    if protocol.rated is None:
        return (TurnText("user", prompt),), ((TurnText("assistant", text), True),)
    generated = () if protocol.rated == "conversation" else ((TurnText("assistant", text), True),)
    return read_transcript(prompt), generated


def _show(
    protocol: Protocol, turn: TurnText, heading: int, *, is_generated: bool, is_marked: bool = False
) -> ShownTurn:
    parts = _parts_of(protocol, turn.text) if turn.role == "assistant" else (_plain(turn.text),)
    rendered = protocol.rendering == "markdown" and turn.role == "assistant"
    return ShownTurn(
        role=None if protocol.rated is None else turn.role,
        parts=tuple(
            ShownPart(
                text=sanitize_for_display(part.text).strip("\n"),
                html=render_completion(part.text, heading=heading) if rendered else None,
                is_reasoning=part.is_reasoning,
                is_folded=part.is_reasoning and protocol.reasoning == "folded",
            )
            for part in parts
        ),
        is_generated=is_generated,
        is_marked=is_marked,
    )


def _plain(text: str) -> Part:
    return Part(text, is_reasoning=False)


def _parts_of(protocol: Protocol, text: str) -> tuple[Part, ...]:
    """Return the parts of an assistant's text that raters can see."""
    if protocol.reasoning is None:
        return (_plain(text),) if text.strip() else ()
    parts = split_reasoning(text)
    return tuple(part for part in parts if not part.is_reasoning or protocol.reasoning != "hidden")


def displayed_text(protocol: Protocol, text: str) -> str:
    """Return a completion without what is hidden from raters, as it is published."""
    if protocol.reasoning != "hidden":
        return text
    return without_reasoning(text)


def visible_text(protocol: Protocol, text: str) -> str:
    """Return the words of a completion that raters see without opening anything, as plain text."""
    replies = read_replies(text) if protocol.rated == "conversation" else (text,)
    if not protocol.has_blocks and protocol.reasoning is None:
        return text
    return "\n\n".join(_visible(protocol, reply) for reply in replies)


def _visible(protocol: Protocol, text: str) -> str:
    seen = _open_text(protocol, text)
    return plain_text(seen) if protocol.rendering == "markdown" else seen


def _open_text(protocol: Protocol, text: str) -> str:
    """Return the source of what is seen of an assistant's turn without opening anything."""
    seen = [
        part.text
        for part in _parts_of(protocol, text)
        if not (part.is_reasoning and protocol.reasoning == "folded")
    ]
    if len(seen) == 1 and not protocol.has_blocks:
        return seen[0]
    return "\n\n".join(part.strip("\n").rstrip() for part in seen)


_NAMES: dict[Role, str] = {"system": "System", "user": "User", "assistant": "Assistant"}


def visible_context(protocol: Protocol, prompt: str) -> str:
    """Return the prompt as plain text; of a conversation, its turns with their roles."""
    if protocol.rated is None:
        return prompt
    return "\n\n".join(_named(protocol, turn) for turn in read_transcript(prompt))


def visible_whole(protocol: Protocol, prompt: str, text: str) -> str:
    """Return a completion with its prompt as plain text, as a terminal shows them."""
    if protocol.rated == "conversation":
        told = insert_replies(read_transcript(prompt), read_replies(text))
        return "\n\n".join(_named(protocol, turn) for turn, _ in told)
    before, seen = visible_context(protocol, prompt), visible_text(protocol, text)
    if protocol.rated is None:
        return f"{before}\n\n{seen.strip()}" if protocol.has_blocks else before + seen
    return f"{before}\n\n{_NAMES['assistant']}:\n{seen.strip()}"


def _named(protocol: Protocol, turn: TurnText) -> str:
    seen = _visible(protocol, turn.text) if turn.role == "assistant" else turn.text
    return f"{_NAMES[turn.role]}:\n{seen.strip()}"


def room_text(protocol: Protocol, prompt: str, text: str) -> str:
    """Return the words that a page reserves room for: without the context that several texts share."""
    if _is_context_shared(protocol):
        return visible_text(protocol, text)
    return visible_whole(protocol, prompt, text)


def shared_context(protocol: Protocol, prompt: str) -> str:
    """Return the words that are above several texts, in an area of their own; empty if there is none."""
    return visible_context(protocol, prompt) if _is_context_shared(protocol) else ""


def _is_context_shared(protocol: Protocol) -> bool:
    return protocol.has_blocks and protocol.n_texts > 1 and protocol.rated != "conversation"


def shown_key(protocol: Protocol, prompt: str, text: str) -> tuple[str, str]:
    """Return prompt and completion as they are found on a page, without white space.

    By these, simulated raters and the audit find a page's text among those of the study.
    """
    if not protocol.has_blocks:
        return without_spaces(prompt), without_spaces(displayed_text(protocol, text))
    shown = show_text(protocol, prompt, text)
    return _key(shown.context), _key(shown.turns)


def without_spaces(text: str) -> str:
    """Return the visible characters of a text."""
    return "".join(sanitize_for_display(text).split())


def _key(turns: tuple[ShownTurn, ...]) -> str:
    parts = [part for turn in turns for part in turn.parts]
    words = (part.text if part.html is None else part.html.striptags() for part in parts)
    return without_spaces("".join(words))


RENDERED_FORMS: tuple[TextCue, ...] = (
    "headings", "list items", "code blocks", "tables", "links", "bold or italic words", "reasoning",
)  # fmt: skip
"""The forms that `count_shown_forms` counts."""


def count_shown_forms(protocol: Protocol, text: str) -> dict[str, int]:
    """Count the forms that the rendering gives a completion: headings, list items, code blocks, reasoning."""
    replies = read_replies(text) if protocol.rated == "conversation" else (text,)
    counts: dict[str, int] = {}
    if protocol.rendering == "markdown":
        counts = count_forms("\n\n".join(_open_text(protocol, reply) for reply in replies))
    if protocol.reasoning in {"folded", "shown"}:
        counts["reasoning"] = sum(map(has_reasoning, replies))
    return counts
