"""The status of a rater, derived from stored facts by one function, so that exactly one holds at a time."""

from datetime import datetime, timedelta
from enum import StrEnum

from rater.store.rating.counts import RaterConduct, RaterProgress
from rater.study.practice_and_checks import CheckRule
from rater.study.visit import FreedReason, LeavingReason

SILENT_AFTER = timedelta(minutes=40)
"""A rater who has not finished or answered for this time counts as gone; they may come back."""
_QUICK_SHARE = 1 / 3
_MIN_ANSWERS_FOR_SAME = 10


class RaterStatus(StrEnum):
    """The status of a rater."""

    FINISHED = "finished"
    FAILED_CHECKS = "failed checks"
    """They finished, and failed the attention checks by the rule of the study."""
    SURPLUS = "surplus"
    """They finished after their place was freed, so that the booklet was assigned again."""
    UNDER_WAY = "under way"
    SILENT = "silent"
    """They have not answered for 40 minutes, and may come back."""
    UNFINISHED = "unfinished"
    """The study was over before they finished."""
    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"
    """They withdrew their answers, before or after the last one."""
    SCREENED_OUT = "screened out"
    FAILED_PRACTICE = "failed the practice"
    OVER_QUOTA = "over quota"
    """Enough raters of their group had taken part."""
    REPLACED = "replaced"
    """Their place was freed: the rater was inactive, or the recruitment site or an experimenter freed it."""

    @property
    def is_gone(self) -> bool:
        """True if they neither finished nor are rating now."""
        return not self.has_finished and self is not RaterStatus.UNDER_WAY

    @property
    def has_finished(self) -> bool:
        """True if they rated every text and hold their place, or finished it as surplus."""
        return self in {RaterStatus.FINISHED, RaterStatus.FAILED_CHECKS, RaterStatus.SURPLUS}

    @property
    def may_continue(self) -> bool:
        """True if they hold a place and have texts left to rate."""
        return self in {RaterStatus.UNDER_WAY, RaterStatus.SILENT}


_LEFT = {
    LeavingReason.STOPPED: RaterStatus.STOPPED,
    LeavingReason.WITHDRAWN: RaterStatus.WITHDRAWN,
    LeavingReason.SCREENED_OUT: RaterStatus.SCREENED_OUT,
    LeavingReason.FAILED_PRACTICE: RaterStatus.FAILED_PRACTICE,
    LeavingReason.OVER_QUOTA: RaterStatus.OVER_QUOTA,
}


def rater_status(
    rater: RaterProgress,
    *,
    now: datetime,
    is_over: bool,
    checks: tuple[int, int] = (0, 0),
    rule: CheckRule | None = None,
) -> RaterStatus:
    """Return the status of a rater.

    Args:
        rater: The rater.
        now: The time.
        is_over: Whether the study takes no more answers.
        checks: The attention checks that the rater answered, and those passed.
        rule: The study's rule for attention checks.
    """
    if rater.left_why is not None:
        return _LEFT[rater.left_why]
    if rater.finished_at is not None:
        is_failed = rule is not None and rule.is_failed(*checks)
        return _status_of_finished(rater, rater.finished_at, is_failed=is_failed)
    if rater.replaced_at is not None:
        return RaterStatus.REPLACED
    if is_over:
        return RaterStatus.UNFINISHED
    is_silent = now - (rater.last_at or rater.consented_at) > SILENT_AFTER
    return RaterStatus.SILENT if is_silent else RaterStatus.UNDER_WAY


def _status_of_finished(rater: RaterProgress, finished_at: datetime, *, is_failed: bool) -> RaterStatus:
    is_late = rater.replaced_at is not None and finished_at > rater.replaced_at
    if rater.replaced_why not in {None, FreedReason.FAILED_CHECKS} and not is_late:
        return RaterStatus.REPLACED
    if is_failed or rater.replaced_why is FreedReason.FAILED_CHECKS:
        return RaterStatus.FAILED_CHECKS
    return RaterStatus.SURPLUS if is_late else RaterStatus.FINISHED


def explain_flags(conduct: RaterConduct) -> dict[str, str]:
    """Return the flags of a rater, each with the numbers that raised it. No flag excludes anyone."""
    unusual = {}
    if conduct.n_timed and conduct.n_quick / conduct.n_timed > _QUICK_SHARE:
        unusual["very fast"] = f"{conduct.n_quick} of {conduct.n_timed} trials within a second"
    if conduct.n_judged >= _MIN_ANSWERS_FOR_SAME and conduct.n_values == 1:
        unusual["always the same"] = f"one answer in all {conduct.n_judged} trials"
    return unusual
