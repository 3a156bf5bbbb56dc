"""What no check on the databases alone can prove, with the reasons, as `rater verify` shows them."""

from typing import NamedTuple


class Unprovable(NamedTuple):
    """A change that verification does not name."""

    what: str
    why: str


UNPROVABLE = (
    Unprovable(
        "answers before the first closing, and those since the study was opened again",
        "they are digested when the study is closed; until then the owner of the database can change them",
    ),
    Unprovable(
        "a log (of the ratings or of the generation) rewritten as a whole, cut off at its end, or continued",
        "its owner can compute new hashes; compare it with a head kept elsewhere (--head HASH)",
    ),
    Unprovable(
        "both databases replaced together, or made anew until the booklets please",
        "they vouch for each other only; give the commitment to a registry before the first rater comes",
    ),
    Unprovable(
        "a step of a visit added to the row of a rater before a closed study is opened again",
        "it cannot be told from a step that was taken while the study was open",
    ),
    Unprovable(
        "raters made up by whoever controls the web process",
        "an answer that comes in over the pages is stored like any other",
    ),
    Unprovable(
        "raters deleted by a logged redaction",
        "deletion at a rater's wish is a right; the log has its time and digests, and the report counts it",
    ),
    Unprovable(
        "comments at the end",
        "they may identify their author and can be deleted alone, so that no digest covers them",
    ),
    Unprovable(
        "identifiers, personal links, cookies' digests, users and sessions of the desk",
        "they are personal data or logins that can be deleted at any time; no result is computed from them",
    ),
    Unprovable(
        "the number of people who declined",
        "it is a counter that also changes outside open hours; no result is computed from it",
    ),
    Unprovable(
        "numbers of rows, and their order in the file",
        "no result depends on them; answers are read in the order of their revisions",
    ),
)
