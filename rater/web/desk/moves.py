"""Say what can be done with a study in each state, and what it will mean."""

from dataclasses import dataclass

STATES = {
    "published": "Not open yet. Raters are asked to come back later.",
    "open": "Raters can begin and go on.",
    "paused": "Nobody can begin or answer; raters are asked to come back later.",
    "closed": "It takes no more answers.",
    "unblinded": "Answers were seen together with their arms, so that it cannot be opened again.",
    "archived": "It is over, and kept for reference.",
}


@dataclass(frozen=True)
class Move:
    """A way from one state to another."""

    to: str
    label: str
    says: str


_OPEN = Move("open", "Open the study", "Raters who have the link can begin.")
_GO_ON = Move("open", "Open it again", "Raters can begin, and go on where they were.")
_REOPEN = Move(
    "open",
    "Open it again",
    "Raters can begin, and go on where they were. The log shows that the study was closed before.",
)
_PAUSE = Move(
    "paused",
    "Pause",
    "Nobody can begin or answer until you open the study again. What was answered is kept, and who is in "
    "the middle of it is asked to come back later.",
)
_CLOSE = Move(
    "closed",
    "Close the study",
    "Raters can no longer begin or go on, and digests of all answers are written in the log. "
    "Who is in the middle of it is told that it is over, and that their answers are saved.",
)

MOVES: dict[str, tuple[Move, ...]] = {
    "published": (_OPEN, _CLOSE),
    "open": (_CLOSE, _PAUSE),
    "paused": (_GO_ON, _CLOSE),
    "closed": (_REOPEN,),
    "unblinded": (),
    "archived": (),
}
"""The moves from each state; the first is what comes next, except that a closed study is analysed next."""


def find_move(state: str, to: str) -> Move | None:
    """Find the move from a state to another; None where the desk offers none."""
    return next((move for move in MOVES.get(state, ()) if move.to == to), None)
