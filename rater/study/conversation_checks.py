"""Check the conversations and the chat settings of a study against each other."""

from collections.abc import Sequence
from itertools import pairwise

from rater.study.arms import Arm, Prompted
from rater.study.conversation import RatedPart, Turn, n_replies, read_replies
from rater.study.field_checks import authored_trials
from rater.study.fields import Item
from rater.study.practice_and_checks import AttentionCheck, DeclaredCheck, Practice
from rater.study.protocol import Protocol


def require_system_prompts(arms: Sequence[Arm], items: Sequence[Item], *, chat: bool) -> None:
    """Refuse a system prompt of an arm without the chat template, or next to one of a conversation.

    Raises:
        ValueError: If the model has no place for the system prompt; pydantic adds the place.
    """
    of_items = next((number for number, item in enumerate(items) if _has_system_turn(item.turns)), None)
    for index, arm in enumerate(arms):
        if not isinstance(arm, Prompted) or arm.system is None:
            continue
        if not chat:
            msg = (
                f"arms[{index}].system is a system prompt, which needs the chat template, but chat is "
                "False; set chat=True (for all arms), or use prefix instead of system"
            )
            raise ValueError(msg)
        if of_items is not None:
            msg = (
                f"arms[{index}].system is a system prompt, but items[{of_items}] has a system turn, and a "
                "conversation has one at most; remove the turn, or use prefix instead of system"
            )
            raise ValueError(msg)


def _has_system_turn(turns: Sequence[Turn]) -> bool:
    return bool(turns) and turns[0].role == "system"


def require_conversations(
    protocol: Protocol, items: Sequence[Item], checks: Sequence[DeclaredCheck], *, chat: bool
) -> None:
    """Refuse conversations that do not fit the study: its chat setting, its rated part, its own texts.

    Args:
        protocol: The study, or its protocol.
        items: Its items.
        checks: Its attention checks.
        chat: Whether the study uses the chat template.

    Raises:
        ValueError: If something does not fit; with the place, and what is valid.
    """
    with_turns = [number for number, item in enumerate(items) if item.turns]
    if not with_turns:
        if protocol.rated is not None:
            msg = (
                f"rated is {protocol.rated!r}, a part of a conversation, but no item has turns; give items "
                "turns, as in Item(turns=(Turn('user', '…'),)), or leave rated out"
            )
            raise ValueError(msg)
    elif len(with_turns) < len(items):
        other = next(number for number, item in enumerate(items) if not item.turns)
        msg = (
            f"items[{with_turns[0]}] has turns, but items[{other}] has a prompt; give turns to all items or "
            "none (a prompt of a chat is Turn('user', '…'))"
        )
        raise ValueError(msg)
    elif not chat:
        msg = (
            f"items[{with_turns[0]}].turns is a conversation, which needs the chat template, but chat is "
            "False; set chat=True, or write the conversation as a prompt"
        )
        raise ValueError(msg)
    rated: RatedPart | None = protocol.rated or ("last_turn" if with_turns else None)
    for number, item in enumerate(items):
        _require_replies(f"items[{number}]", item.turns, rated)
    for place, shown in authored_trials(protocol, checks):
        _require_authored(place, shown, rated)


def _require_replies(place: str, turns: Sequence[Turn], rated: RatedPart | None) -> None:
    """Refuse two turns of the user in a row where only the last turn of the assistant is generated."""
    for number, (before, after) in enumerate(pairwise(turns), start=1):
        if rated == "last_turn" and before.role == after.role == "user":
            msg = (
                f"{place}.turns[{number}] is of the user, as the turn before it; add the turn of the "
                "assistant between them, or set rated='conversation' to have it generated"
            )
            raise ValueError(msg)


def _require_authored(place: str, shown: Practice | AttentionCheck, rated: RatedPart | None) -> None:
    """Refuse a text of the study's own that is not of the form of the rated texts."""
    if rated is None and shown.turns:
        msg = f"{place} has turns, but the items of the study have none; give it a prompt"
        raise ValueError(msg)
    if rated is not None and not shown.turns:
        msg = (
            f"{place} has a prompt, but the items of the study have turns; give it turns, as in "
            "turns=(Turn('user', '…'),)"
        )
        raise ValueError(msg)
    _require_replies(place, shown.turns, rated)
    if rated != "conversation":
        return
    expected = n_replies(shown.turns)
    for text in shown.texts:
        try:
            n = len(read_replies(text))
        except ValueError as error:
            msg = (
                f"{place} has a text that is not a list, but the whole conversation is rated; give the "
                f"{expected} turns of the assistant, as in text=('…',)"
            )
            raise ValueError(msg) from error
        if n != expected:
            msg = (
                f"{place} has a text with {n} turn{'s' * (n != 1)} of the assistant, but its conversation "
                f"needs {expected}: one for each turn of the user without a reply"
            )
            raise ValueError(msg)
