"""Serve a temporary copy of a study, with a content-free study for comparison.

The comparison is a decoy study. It has the same kinds of questions, practice, breaks and endings, and a
nonsense word in place of each text that the study declares or shows. So words that both have in common are
the app's own.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rater.audit.marks import AuditedPublication
from rater.server_process import serving
from rater.store.engine import disposing, writing
from rater.store.rating.open import create_rating
from rater.store.rating.publication import NewBooklet, NewItem, NewTrial, insert_study
from rater.store.rating.studies import PublishedStudy, move_study
from rater.study.conversation import RatedPart, TurnText, read_transcript, write_transcript
from rater.study.protocol import Protocol
from rater.study.state import State

NONSENSE = "qxqx"
"""The stem of the decoy study's words; not a word of any language."""

_MAX_TRIALS = 8
_MIN_TRIALS_TO_BREAK = 3
_ENUMERATED = {
    "kind", "revising", "late_raters", "language", "when", "rated", "rendering", "reasoning", "role",
}  # fmt: skip
"""Fields whose words are the same for every study."""
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""A picture of one pixel, as PNG in base64."""
_PATTERNED = {"accent": "#1a4f8b", "url": f"https://{NONSENSE}.example/", "content": PIXEL}
"""Fields with a required form, and their values in the decoy."""


@dataclass(frozen=True)
class DecoyStudy:
    """A study with nonsense words and one booklet."""

    published: PublishedStudy
    items: tuple[NewItem, ...]
    booklet: NewBooklet


class _Nonsense:
    """Replaces each text by a word of its own, and equal texts by equal words, so that names still match."""

    def __init__(self, rated: RatedPart | None) -> None:
        self._words: dict[str, str] = {}
        self._rated = rated

    def word(self, text: str) -> str:
        """Return the word that replaces a text."""
        return self._words.setdefault(text, f"{NONSENSE}{len(self._words)}")

    def declared(self, value: object, field: str = "") -> object:
        """Replace every text in a declaration, and the names of dimensions that answers are listed by."""
        if isinstance(value, dict) and value.get("turns"):
            return self._authored(value)
        if isinstance(value, dict):
            named = field in {"accepted", "fields"}
            return {
                self.word(key) if named else key: self.declared(inner, key) for key, inner in value.items()
            }
        if isinstance(value, list):
            return [self.declared(inner, field) for inner in value]
        if isinstance(value, str) and field not in _ENUMERATED:
            return _PATTERNED.get(field) or self.word(value)
        return value

    def _authored(self, trial: dict[str, Any]) -> dict[str, object]:
        """Replace the texts of a practice trial with a conversation, whose prompt follows from its turns."""
        whole = self._rated == "conversation"
        texts = {
            "text": self.text(trial["text"]) if whole else self.word(trial["text"]),
            "other_texts": [self.text(each) if whole else self.word(each) for each in trial["other_texts"]],
        }
        rest = {
            name: value
            for name, value in trial.items()
            if name not in {"prompt", "turns", "text", "other_texts"}
        }
        turns = [{"role": turn["role"], "text": self.word(turn["text"])} for turn in trial["turns"]]
        replaced = self.declared(rest)
        assert isinstance(replaced, dict)  # noqa: S101 (as it was given)
        return {**replaced, **texts, "turns": turns}

    def text(self, transcript: str) -> str:
        """Replace the text of each turn of a transcript."""
        turns = read_transcript(transcript)
        return write_transcript(TurnText(turn.role, self.word(turn.text)) for turn in turns)

    def trial(self, trial: NewTrial) -> NewTrial:
        """Replace the texts of a trial."""
        return replace(
            trial,
            item_ids=tuple(map(self.word, trial.item_ids)),
            dimension=None if trial.dimension is None else self.word(trial.dimension),
        )

    def item(self, item: NewItem) -> NewItem:
        """Replace a text and its fields."""
        fields = {self.word(name): self.word(value) for name, value in item.fields.items()}
        prompt = NONSENSE if self._rated is None else self.text(item.prompt)
        text = self.text(item.text) if self._rated == "conversation" else f" {self.word(item.text)}."
        return replace(item, id=self.word(item.id), prompt=prompt, text=text, fields=fields)


def make_decoy_study(audited: AuditedPublication, slug: str) -> DecoyStudy:
    """Make a decoy study from the first trials of one of the publication's booklets, without its words."""
    shown = audited.published.protocol
    nonsense = _Nonsense(shown.rated)
    declared = shown.model_dump(mode="json", exclude={"translations"})
    if shown.break_every is not None:
        declared["break_every"] = min(shown.break_every, _MIN_TRIALS_TO_BREAK)
    trials = audited.booklets[0].trials[:_MAX_TRIALS]
    used = {item_id for trial in trials for item_id in trial.item_ids}
    protocol = Protocol.model_validate(nonsense.declared(declared))
    return DecoyStudy(
        published=replace(
            audited.published, id=0, name=NONSENSE, slug=slug, state=State.PUBLISHED, protocol=protocol
        ),
        items=tuple(nonsense.item(item) for item in audited.items if item.id in used),
        booklet=NewBooklet(NONSENSE, tuple(map(nonsense.trial, trials))),
    )


@dataclass(frozen=True)
class Preview:
    """A study and its decoy, served for an audit."""

    address: str
    """The address of the server."""
    slug: str
    """The study's slug."""
    decoy_slug: str
    """The decoy's slug."""


@contextlib.contextmanager
def previewing(audited: AuditedPublication, folder: Path) -> Iterator[Preview]:
    """Serve a copy of a study, open and without answers, from a rating database in a folder.

    Takes one to two seconds.

    Raises:
        StateError: the server does not start.
    """
    url = f"sqlite:///{folder / 'preview.db'}"
    audited = replace(audited, published=_open_to_everybody(audited.published))
    slug, decoy_slug = audited.published.slug, f"{NONSENSE}-{NONSENSE}"
    decoy = make_decoy_study(audited, decoy_slug)
    with disposing(create_rating(url)) as rating, writing(rating) as session:
        for study, items, booklets in (
            (replace(audited.published, id=0, state=State.PUBLISHED), audited.items, audited.booklets),
            (decoy.published, decoy.items, (decoy.booklet,)),
        ):
            insert_study(session, study, items=list(items), booklets=list(booklets))
            move_study(session, study.name, State.OPEN, at=datetime.now(UTC))
    with serving(url, folder) as address:
        yield Preview(address, slug, decoy_slug)


def _open_to_everybody(published: PublishedStudy) -> PublishedStudy:
    """Remove every condition for taking part, so that the crawl reaches all pages."""
    shown = published.protocol
    ends = {each.name: (each.scale.lowest, each.scale.highest) for each in shown.dimensions}
    passable = [
        each.model_copy(update={"accepted": {name: ends[name] for name in each.accepted}})
        for each in shown.practice
    ]
    opened: dict[str, object] = {
        "invited_only": False,
        "devices": None,
        "least_seconds": None,
        "recruitment": shown.recruitment and shown.recruitment.model_copy(update={"required": False}),
        "screening": tuple(each.model_copy(update={"accepted": each.options}) for each in shown.screening),
        # with every answer accepted nobody fails, and feedback on practice is crawled too
        "practice": shown.practice if shown.practice_pass is None else tuple(passable),
    }
    return replace(published, protocol=shown.model_copy(update=opened))
