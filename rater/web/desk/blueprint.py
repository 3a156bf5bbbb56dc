"""The blueprint of the desk's pages that need a login."""

from flask import Blueprint, abort
from sqlalchemy.orm import Session

from rater.store.rating.studies import PublishedStudy, find_study
from rater.web.desk import access
from rater.web.security import DESK_PATH

blueprint = Blueprint("desk", __name__, url_prefix=DESK_PATH)
blueprint.before_request(access.require_user)


def find_or_404(session: Session, name: str) -> PublishedStudy:
    """Find a study.

    Raises:
        NotFound: there is none of that name.
    """
    found = None if "\0" in name else find_study(session, name)
    return found or abort(404)
