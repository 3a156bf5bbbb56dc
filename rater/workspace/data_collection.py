"""Collect answers: let raters in and stop them, invite them, watch progress, and change a published study."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rater.workspace.databases import DatabasePair, user_for_log, utc_now

if TYPE_CHECKING:
    from rater.admin.amend import AmendedStudy
    from rater.admin.invitations import LinkFiles, Links
    from rater.admin.status import Account, GeneratedStudy, Listing
    from rater.store.rating.forget import Known
    from rater.store.rating.monitoring import Watched
    from rater.store.rating.participants import Participant
    from rater.store.rating.past_participants import ParticipantDigests
    from rater.store.rating.payment_lists import PaymentLists
    from rater.study.study import Study
    from rater.study.visit import FreedReason
    from rater.web.rating.recovery_file import Recovered


class DataCollection(DatabasePair):
    """The verbs of a workspace for the time in which raters rate."""

    def open(self, name: str) -> str:
        """Let raters in, and return the log's new head.

        Raises:
            StateError: the study is not published, is open, or was unblinded.
        """
        from rater.publish.publish import open_study

        return open_study(self.rating_url, name, now=utc_now(), by=user_for_log(None))

    def pause(self, name: str) -> str:
        """Take no answers for now, and return the log's new head.

        Raises:
            StateError: the study is not open.
        """
        from rater.publish.publish import pause_study

        return pause_study(self.rating_url, name, now=utc_now(), by=user_for_log(None))

    def close(self, name: str) -> "Account":
        """Take no more answers, and account for every rater.

        Raises:
            StateError: the study is not published, is closed, or was unblinded.
        """
        from rater.admin.status import account_for
        from rater.publish.publish import close_study

        close_study(self.rating_url, name, now=utc_now(), by=user_for_log(None))
        return account_for(self.rating_url, name, now=utc_now())

    def studies(self) -> "Listing":
        """List the studies of both databases and how far each has come, never by arm."""
        from rater.admin.status import list_all

        return list_all(self.rating_url, self.sealed_url)

    def status(self, name: str) -> "Watched | GeneratedStudy":
        """Return a study's progress: masked once it is published, by arm while it is only generated.

        Raises:
            StateError: the study does not exist.
        """
        from rater.admin.status import watch

        return watch(self.rating_url, self.sealed_url, name, now=utc_now())

    def invite(
        self,
        name: str,
        *,
        n: int | None = None,
        labels: Sequence[str] | Path | None = None,
        address: str,
        files: "LinkFiles | None" = None,
        on_links: "Callable[[Links], None]" = lambda _: None,
        on_note: Callable[[str], None] = lambda _: None,
    ) -> "Links":
        """Make personal links, each for one rater; only their digests are stored.

        Args:
            name: The study's name.
            n: How many links are made, labelled by numbers; 1 without labels.
            labels: A label for each link instead of numbers, or a text file with a label in each line.
            address: The public address of the server.
            files: The files that the links are written to, whole or not at all.
            on_links: Called with the links before they are stored; where it fails, none is made.
            on_note: Receives remarks, such as on labels that are easily confused.

        Raises:
            RaterError: the address or a label is not valid, a file cannot be written, or the study takes no
                new raters.
        """
        from rater.admin.invitations import LinkFiles, LinkRequest, invite_raters

        return invite_raters(
            self.rating_url,
            name,
            LinkRequest(address, n=n, labels=labels),
            files or LinkFiles(None, None),
            now=utc_now(),
            on_links=on_links,
            on_note=on_note,
        )

    def preview_amendment(self, study: "Study | str | Path") -> tuple[str, ...]:
        """Return the fields that `amend` would change; nothing is changed.

        Raises:
            StateError: as `amend`.
        """
        from rater.admin.amend import preview
        from rater.study.load import declared_study

        return preview(self.sealed_url, self.rating_url, declared_study(study)[0])

    def amend(self, study: "Study | str | Path", *, reason: str, who: str | None = None) -> "AmendedStudy":
        """Make a changed declaration the next version of a published study, from each rater's next page on.

        Args:
            study: The study as it is now declared, or the path of its file.
            reason: The reason for the change, for the log.
            who: Who changes it, for the log; by default the system's user.

        Raises:
            StateError: the study is not published or is closed, or nothing changed that may change.
        """
        from rater.admin.amend import amend_study
        from rater.study.load import declared_study

        changed, _ = declared_study(study)
        return amend_study(
            self.sealed_url, self.rating_url, changed, reason=reason, by=user_for_log(who), now=utc_now()
        )

    def find_rater(self, name: str, rater: str) -> "Known":
        """Find a rater by their id, its first characters, or their identifier on a recruitment site.

        Raises:
            StateError: no rater is known by it, or several are.
        """
        from rater.store.engine import disposing, reading
        from rater.store.rating.forget import find_known
        from rater.store.rating.open import open_rating
        from rater.store.rating.studies import get_study

        with disposing(open_rating(self.rating_url)) as rating, reading(rating) as session:
            return find_known(session, get_study(session, name).id, rater)

    def participants(self, name: str) -> "Sequence[Participant]":
        """Return one row for each rater: identifiers, status, code, minutes, checks, flags and comment.

        Raises:
            StateError: the study is not published.
        """
        from rater.store.engine import disposing, reading
        from rater.store.rating.open import open_rating
        from rater.store.rating.participants import read_participants
        from rater.store.rating.studies import get_study

        with disposing(open_rating(self.rating_url)) as rating, reading(rating) as session:
            study = get_study(session, name)
            return read_participants(session, study, with_identifiers=True, now=utc_now())

    def payment_lists(self, name: str) -> "PaymentLists":
        """Return the lists for the recruitment site: whom to approve, reject or return, and bonuses.

        Raises:
            StateError: the study is not published.
        """
        from rater.store.rating.payment_lists import make_payment_lists

        return make_payment_lists(self.participants(name), self.get_published(name).protocol.bonus)

    def write_participants(self, name: str, file: str | Path, *, who: str | None = None) -> int:
        """Write the participants to a CSV file, record it in the log, and return their number.

        Raises:
            StateError: the study is not published.
            OSError: the file cannot be written.
        """
        from rater.store.engine import disposing, writing
        from rater.store.rating.open import open_rating
        from rater.store.rating.participants import log_list
        from rater.store.rating.payment_lists import participant_table
        from rater.tables.write import write_csv_file

        participants, study = self.participants(name), self.get_published(name)
        table = participant_table(participants, study.protocol)
        write_csv_file(Path(file), table.columns, table.rows)
        with disposing(open_rating(self.rating_url)) as rating, writing(rating) as session:
            log_list(
                session, study.id, who=user_for_log(who), by="command", n=len(participants), now=utc_now()
            )
        return len(participants)

    def write_participant_digests(self, name: str, file: str | Path, *, who: str | None = None) -> int:
        """Write digests of the participants' IDs, so that a study in another database can exclude them.

        The download is recorded in the study's log. Returns their number.

        Raises:
            StateError: the study is not published, or reads no participant ID from its link.
            OSError: the file cannot be written.
        """
        from rater.admin.participant_lists import write_participant_file

        path, by = Path(file), user_for_log(who)
        return write_participant_file(self.rating_url, name, path, who=by, now=utc_now())

    def import_participants(self, file: str | Path) -> "ParticipantDigests":
        """Store the participants of a study in another database, so that studies here can exclude them.

        They replace an earlier list of that study.

        Raises:
            RaterError: the file is not valid, or the study is published in this database.
        """
        from rater.admin.participant_lists import import_participant_file

        return import_participant_file(self.rating_url, Path(file))

    def free_place(
        self, name: str, rater: "Known", *, reason: "FreedReason | None" = None, who: str | None = None
    ) -> str:
        """Free the place of a rater, so that their booklet is assigned again; return the log's new head.

        Args:
            name: The study's name.
            rater: The rater, from `find_rater`.
            reason: The reason; by default that an experimenter frees it.
            who: Who frees it, for the log; by default the system's user.

        Raises:
            StateError: the rater holds no place or has finished, or the study is over.
        """
        from rater.store.engine import disposing, writing
        from rater.store.rating.open import open_rating
        from rater.store.rating.places import free_place
        from rater.store.rating.studies import get_study
        from rater.study.visit import FreedReason

        why = reason or FreedReason.BY_HAND
        with disposing(open_rating(self.rating_url)) as rating, writing(rating) as session:
            study_id = get_study(session, name).id
            # the site ends the whole submission, and an experimenter the booklet that is under way
            rater_id = rater.id if why.is_of_submission else rater.current_id
            return free_place(session, study_id, rater_id, reason=why, by=user_for_log(who), now=utc_now())

    def forget(self, name: str, rater: "Known", *, with_ratings: bool = False, who: str | None = None) -> str:
        """Delete a rater's identifiers, or all their data, and return the log's new head.

        Args:
            name: The study's name.
            rater: The rater, from `find_rater`.
            with_ratings: Whether their answers are deleted too; the log keeps the answers' digests.
            who: Who deletes, for the log; by default the system's user.
        """
        from rater.store.engine import disposing, empty_wal, writing
        from rater.store.rating.forget import forget_identifiers, redact
        from rater.store.rating.open import open_rating
        from rater.store.rating.studies import get_study

        by = user_for_log(who)
        delete = redact if with_ratings else forget_identifiers
        with disposing(open_rating(self.rating_url)) as rating:
            with writing(rating) as session:
                head = delete(session, get_study(session, name).id, rater, by=by, now=utc_now())
            empty_wal(rating)
        return head

    def recover(self, path: str | Path) -> "Recovered":
        """Store the answers of a file that a rater downloaded because they could not be sent.

        Reading a file twice is safe: each answer is stored once.

        Raises:
            RaterError: the file is not valid, or an answer cannot be stored now.
        """
        from rater.store.engine import disposing, writing
        from rater.store.rating.open import open_rating
        from rater.web.rating.recovery_file import read_recovery_file, take_in

        file = read_recovery_file(Path(path))
        with disposing(open_rating(self.rating_url)) as rating, writing(rating) as session:
            return take_in(session, file, now=utc_now())
