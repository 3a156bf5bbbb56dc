"""The texts of a page: a completion that continues its prompt, or turns with rendered parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from rater.rendering.shown import ShownTurn, displayed_text, show_text
from rater.study.protocol import Protocol
from rater.web.language import Direction, direction_of

# the page's own heading has level 1; each of several texts has one of level 2
_HEADING_OF_ONE, _HEADING_OF_SEVERAL = 2, 3


@dataclass(frozen=True)
class TextField:
    """One text with its prompt; of several, with its letter."""

    letter: str
    prompt: str
    text: str
    direction: Direction
    """That of its first letter: prompt and text are one paragraph."""
    context: tuple[ShownTurn, ...] = ()
    """The prompt, or the turns before the rated one, where they are shown apart from the text."""
    turns: tuple[ShownTurn, ...] = ()
    """The text, where it is shown apart from its prompt; else none."""

    @property
    def words_id(self) -> str:
        """The id of the element with nothing but the text, by which a screen reader finds it."""
        return f"words-{self.letter}" if self.letter else "words"

    @classmethod
    def of(cls, letter: str, prompt: str, text: str, protocol: Protocol) -> "TextField":
        """Show a text with its prompt, in the form that the protocol declares for all texts."""
        if not protocol.has_blocks:
            seen = displayed_text(protocol, text)
            return cls(letter, prompt, seen, direction_of((prompt, seen)))
        heading = _HEADING_OF_SEVERAL if letter else _HEADING_OF_ONE
        shown = show_text(protocol, prompt, text, heading=heading)
        return cls(letter, prompt, text, direction_of((text,)), shown.context, shown.turns)


def text_fields(protocol: Protocol, prompt: str, texts: Sequence[str]) -> tuple[TextField, ...]:
    """Show the texts of a trial; several are named A, B, …"""
    names = ascii_uppercase if len(texts) > 1 else ("",)
    return tuple(TextField.of(name, prompt, text, protocol) for name, text in zip(names, texts, strict=False))
