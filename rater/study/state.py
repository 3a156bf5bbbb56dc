"""The states of a study, and the transitions between them."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The state of a study, as it is stored and logged."""

    GENERATED = "generated"
    """Known to the sealed database only."""
    PUBLISHED = "published"
    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"
    UNBLINDED = "unblinded"
    ARCHIVED = "archived"

    @property
    def description(self) -> str:
        """Return what the state means for raters and the experimenter, in a sentence."""
        return _DESCRIPTIONS[self]

    @property
    def takes_raters(self) -> bool:
        """Return whether raters can still begin, now or as soon as the study is opened."""
        return self in {State.PUBLISHED, State.OPEN, State.PAUSED}

    @property
    def is_over(self) -> bool:
        """Return whether the study takes no more answers."""
        return self in {State.CLOSED, State.UNBLINDED, State.ARCHIVED}

    @property
    def is_unblinded(self) -> bool:
        """Return whether answers were seen with their arms, so that the study cannot be opened again."""
        return self in {State.UNBLINDED, State.ARCHIVED}

    @property
    def sources(self) -> AbstractSet["State"]:
        """Return the states from which a study can come into this one."""
        return {source for each in TRANSITIONS if each.target is self for source in each.sources}


PUBLISHED_STATES = tuple(state for state in State if state is not State.GENERATED)
"""The states of a published study: those that the rating database and the log of a study know."""

_DESCRIPTIONS = {
    State.GENERATED: "All completions are made. Raters cannot see the study yet.",
    State.PUBLISHED: "Not open yet. Raters are asked to come back later.",
    State.OPEN: "Raters can begin and continue.",
    State.PAUSED: "Nobody can begin or answer; raters are asked to come back later.",
    State.CLOSED: "It takes no more answers.",
    State.UNBLINDED: "Answers were seen together with their arms, so that it cannot be opened again.",
    State.ARCHIVED: "It is over, and kept for reference.",
}


@dataclass(frozen=True)
class Transition:
    """A change of state, with what the experimenter reads before they make it."""

    verb: str
    """The command that makes it: `rater VERB`, except that `rater analyze` unblinds."""
    sources: tuple[State, ...]
    target: State
    label: str
    description: str


# In each state, the transition that usually comes next is listed first.
TRANSITIONS = (
    Transition(
        "publish",
        (State.GENERATED,),
        State.PUBLISHED,
        "Publish the study",
        "Texts, questions and booklets are frozen, and the key is committed to.",
    ),
    Transition(
        "open", (State.PUBLISHED,), State.OPEN, "Open the study", "Raters who have the link can begin."
    ),
    Transition(
        "open",
        (State.PAUSED,),
        State.OPEN,
        "Open it again",
        "Raters can begin, and continue where they were.",
    ),
    Transition(
        "close",
        (State.PUBLISHED, State.OPEN, State.PAUSED),
        State.CLOSED,
        "Close the study",
        "Raters can no longer begin or continue, and digests of all answers are written in the log. "
        "Raters who have not finished are told that the study is over and that their answers are saved.",
    ),
    Transition(
        "pause",
        (State.OPEN,),
        State.PAUSED,
        "Pause",
        "Nobody can begin or answer until you open the study again. Answers are kept, and raters who have "
        "not finished are asked to come back later.",
    ),
    Transition(
        "unblind",
        (State.CLOSED,),
        State.UNBLINDED,
        "Unblind the study",
        "Answers are joined with their arms, and the study can never be opened again.",
    ),
    Transition(
        "open",
        (State.CLOSED,),
        State.OPEN,
        "Open it again",
        "Raters can begin, and continue where they were. The log shows that the study was closed before.",
    ),
    Transition(
        "archive",
        (State.UNBLINDED,),
        State.ARCHIVED,
        "Archive the study",
        "The study is over, and all its rows are kept in one file.",
    ),
)


def transitions_from(state: State) -> tuple[Transition, ...]:
    """Return the transitions that a study in this state can make, the usual next one first."""
    return tuple(each for each in TRANSITIONS if state in each.sources)
