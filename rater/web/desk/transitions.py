"""The transitions that the desk offers; the others need the sealed database, and so a command."""

from rater.study.state import State, Transition, transitions_from

_OFFERED = {State.OPEN, State.PAUSED, State.CLOSED}


def offered_transitions(state: State) -> tuple[Transition, ...]:
    """Return the transitions that the desk offers for a study in this state, the usual next one first."""
    return tuple(each for each in transitions_from(state) if each.target in _OFFERED)


def find_transition(state: State, target: str) -> Transition | None:
    """Find the transition between two states; None where the desk offers none."""
    return next((each for each in offered_transitions(state) if each.target == target), None)
