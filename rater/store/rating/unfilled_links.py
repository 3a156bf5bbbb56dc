"""Links that arrived with a parameter that names nobody: how often, by parameter and reason.

Values are not stored, since a badly written link can contain the identifier of a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from rater.names import Unnamed
from rater.store.rating.schema import UnfilledParameter


@dataclass(frozen=True)
class UnfilledLink:
    """A parameter that arrived without an identifier."""

    parameter: str
    reason: Unnamed
    n: int
    """Visits; repeated ones from an address within an hour count once."""
    last_at: datetime


def count_unfilled(session: Session, study_id: int, unnamed: Mapping[str, Unnamed], *, now: datetime) -> None:
    """Count the parameters of a link that names nobody. Must run in a `writing` transaction.

    Costs one statement per parameter.
    """
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    for parameter, reason in unnamed.items():
        new = dialect.insert(UnfilledParameter).values(
            study_id=study_id, parameter=parameter, reason=reason.name.lower(), n=1, last_at=now
        )
        session.execute(
            new.on_conflict_do_update(
                index_elements=("study_id", "parameter", "reason"),
                set_={"n": UnfilledParameter.n + 1, "last_at": now},
            )
        )


def read_unfilled(session: Session, study_id: int) -> tuple[UnfilledLink, ...]:
    """Read the parameters that arrived without an identifier, the latest first. Costs one query."""
    rows = session.scalars(
        select(UnfilledParameter)
        .where(UnfilledParameter.study_id == study_id)
        .order_by(UnfilledParameter.last_at.desc(), UnfilledParameter.parameter, UnfilledParameter.reason)
    )
    return tuple(UnfilledLink(row.parameter, Unnamed[row.reason.upper()], row.n, row.last_at) for row in rows)
