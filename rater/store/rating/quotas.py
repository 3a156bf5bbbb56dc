"""Turn away raters whose answer about themselves belongs to a group that has enough raters."""

from collections.abc import Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rater.store.rating.places import holds_booklet
from rater.store.rating.schema import QuestionnaireAnswer, Rater, StudyRow
from rater.study.questionnaire import Given, write_given
from rater.study.quota import Quota


def find_full_quota(
    session: Session, study_id: int, given: Mapping[str, Given | None], quotas: Sequence[Quota]
) -> Quota | None:
    """Find a quota that is full and that these answers count towards; None if there is none.

    Raters who left or lost their place do not count. Locks the study's row, so that of two raters who answer
    at once one counts for the other; must run in a `writing` transaction. Costs a query for each quota that
    the answers count towards, and one for the lock.
    """
    concerned = [quota for quota in quotas if given.get(quota.question) == quota.option]
    if not concerned:
        return None
    session.execute(select(StudyRow.id).where(StudyRow.id == study_id).with_for_update(key_share=True))
    for quota in concerned:
        n = session.scalar(
            select(func.count())
            .select_from(QuestionnaireAnswer)
            .join(Rater, Rater.id == QuestionnaireAnswer.rater_id)
            .where(
                Rater.study_id == study_id,
                holds_booklet(),
                QuestionnaireAnswer.question == quota.question,
                QuestionnaireAnswer.value == write_given(quota.option),
            )
        )
        if (n or 0) >= quota.max_raters:
            return quota
    return None
