"""Confounds that the audit found: required to be declared or acknowledged, and kept in the sealed log."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from rater.errors import StateError
from rater.store.log import read_events
from rater.store.sealed.schema import SealedEventRow
from rater.study.confounds import Confound, describe_confound
from rater.study.state import State
from rater.study.study import Study

_FIELD = "confounds"


def undeclared_cues(confounds: Sequence[Confound]) -> list[str]:
    """Name the properties of texts that tell arms apart and that the study file does not declare.

    An uneven assignment of texts cannot be declared beforehand: it is recorded and reported, no more.
    """
    return list(dict.fromkeys(each.cue for each in confounds if each.is_of_texts and not each.is_declared))


def require_declared(confounds: Sequence[Confound], study: Study) -> None:
    """Refuse confounds that the study file does not declare.

    Raises:
        StateError: there are some; the message has what to write into the study file.
    """
    undeclared = undeclared_cues(confounds)
    if not undeclared:
        return
    found = "; ".join(_describe_strongest(confounds, cue) for cue in undeclared)
    msg = (
        f"Study {study.name!r} is not published: its arms differ in more than meaning, and its study file "
        f"does not declare it ({found}). Declare it there with {declaration(study, undeclared)} and run "
        "rater generate FILE again (existing texts are kept), or acknowledge it. "
        f"Run: rater publish {study.name} --acknowledge-confounds"
    )
    raise StateError(msg)


def _describe_strongest(confounds: Sequence[Confound], cue: str) -> str:
    """Describe the pair of arms that a cue separates best, and count the other pairs."""
    pairs = sorted((each for each in confounds if each.cue == cue), key=lambda each: -abs(each.auc - 0.5))
    others = f", and {len(pairs) - 1} more pairs of arms" if len(pairs) > 2 else ""
    others = ", and another pair of arms" if len(pairs) == 2 else others
    return describe_confound(pairs[0]) + others


def declaration(study: Study, undeclared: Sequence[str]) -> str:
    """Write the field of the study file that declares confounds, in Python."""
    names = "".join(f'"{name}", ' for name in [*study.confounds, *undeclared])
    return f"confounds=({names.rstrip() if len(study.confounds) + len(undeclared) == 1 else names[:-2]})"


def publication_detail(confounds: Sequence[Confound] | None) -> dict[str, object]:
    """Return the fields of the publication's log row about its audit; empty without an audit."""
    return {} if confounds is None else {_FIELD: [each.as_dict() for each in confounds]}


def read_confounds(session: Session, study_id: int) -> tuple[Confound, ...] | None:
    """Read the confounds that a publication was audited for; None without an audit. Costs one query."""
    for event in reversed(read_events(session, SealedEventRow, study_id)):
        listed = event.detail.get(_FIELD) if event.kind == State.PUBLISHED else None
        if isinstance(listed, list):
            return tuple(Confound.from_dict(fields) for fields in listed)
    return None
