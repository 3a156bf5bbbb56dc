"""Limit on the booklets that one network begins within a day.

A cookie is easily deleted, and a new one costs a booklet. Without this limit, one person with a script could
take every place in a study. The count is in the database, in the transaction that assigns the booklet, so it
holds for all worker processes and all machines together.

A network is an IPv4 address, or the /64 of an IPv6 address. The database keeps a digest of it with the number
of booklets per hour. No row refers to a rater, and rows are deleted after a day and when the study closes.
"""

import hashlib
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from rater.errors import BusyNetworkError
from rater.store.engine import overwrite_deleted
from rater.store.rating.schema import Booklet, NetworkCount

# a small study can be begun by a few people of one household or office
_MIN_BOOKLETS = 5
# rows are per hour, so the window is between 24 and 25 hours
_WINDOW = timedelta(hours=25)
# scrypt with 16 MiB takes about 40 ms. Trying all 2^32 IPv4 addresses against a stolen database would take
# five years on one core; with a fast hash it would take minutes.
_SCRYPT_COST = 2**14


@lru_cache(maxsize=4096)  # an address that begins again and again must not cost the server 40 ms each time
def network_digest(network: str, *, slug: str) -> str:
    """Return a digest of a network that is of use for one study only and is expensive to invert."""
    return hashlib.scrypt(network.encode(), salt=slug.encode(), n=_SCRYPT_COST, r=8, p=1, dklen=16).hex()


def require_quiet_network(session: Session, study_id: int, network: str, *, now: datetime) -> None:
    """Refuse a network that has begun half of a study's booklets within a day. Costs two queries.

    Must run in a `writing` transaction that holds the lock of the study's row, so that no other booklet is
    assigned between this check and `count_network`.

    Raises:
        BusyNetworkError: it has.
    """
    n_begun = session.scalar(
        select(func.coalesce(func.sum(NetworkCount.n), 0)).where(
            NetworkCount.study_id == study_id,
            NetworkCount.network_digest == network,
            NetworkCount.hour > now - _WINDOW,
        )
    )
    n_booklets = session.scalar(select(func.count()).where(Booklet.study_id == study_id))
    if (n_begun or 0) >= max(_MIN_BOOKLETS, (n_booklets or 0) // 2):
        msg = "Half of the study's booklets were begun from this network within a day."
        raise BusyNetworkError(msg)


def count_network(session: Session, study_id: int, network: str, *, now: datetime) -> None:
    """Count a booklet that was assigned to a rater of a network. Costs one insert."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    hour = now.replace(minute=0, second=0, microsecond=0)
    new = dialect.insert(NetworkCount).values(study_id=study_id, network_digest=network, hour=hour, n=1)
    session.execute(
        new.on_conflict_do_update(
            index_elements=("study_id", "network_digest", "hour"), set_={"n": NetworkCount.n + 1}
        )
    )


def forget_old_networks(session: Session, *, now: datetime) -> None:
    """Delete the counts that no longer limit anybody. Must run in a `writing` transaction. Costs one query.

    It is a transaction of its own and not part of assigning a booklet, since two transactions that delete the
    rows of several studies in different orders would wait for each other.
    """
    overwrite_deleted(session)
    session.execute(delete(NetworkCount).where(NetworkCount.hour <= now - _WINDOW))


def forget_networks(session: Session, study_id: int) -> None:
    """Delete all counts of a study. Must run in a `writing` transaction. Costs one query."""
    overwrite_deleted(session)
    session.execute(delete(NetworkCount).where(NetworkCount.study_id == study_id))
