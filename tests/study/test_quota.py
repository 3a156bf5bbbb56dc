import pytest
from pydantic import ValidationError

from rater.study.protocol import Protocol
from rater.study.questionnaire import Question
from rater.study.quota import Quota

ASKED = (
    Question(name="english", question="English?", options=("Well", "Little")),
    Question(name="job", question="Job?", options=("Yes", "No"), when="after"),
    Question(name="age", question="Age?", kind="number", minimum=18, maximum=99),
)


def test_a_quota_over_an_option_is_valid(protocol: Protocol) -> None:
    quota = Quota(question="english", option="Well", max_raters=1)

    shown = Protocol.model_validate({**dict(protocol), "questionnaire": ASKED, "quotas": [quota]})

    assert shown.quotas == (quota,)


@pytest.mark.parametrize(
    ("quotas", "message"),
    [
        ([("englsh", "Well")], "is not a question of kind 'choice'"),
        ([("job", "Yes")], "asked before the trials"),
        ([("age", "18")], "is not a question of kind 'choice'"),
        ([("english", "Fair")], "valid: 'Well', 'Little'"),
        ([("english", "Well"), ("english", "Well")], "give each option one quota"),
    ],
)
def test_a_quota_that_cannot_be_counted_is_refused(
    protocol: Protocol, quotas: list[tuple[str, str]], message: str
) -> None:
    declared = [Quota(question=question, option=option, max_raters=5) for question, option in quotas]

    with pytest.raises(ValidationError, match=message):
        Protocol.model_validate({**dict(protocol), "questionnaire": ASKED, "quotas": declared})


def test_a_quota_needs_a_question_at_all(protocol: Protocol) -> None:
    declared = [Quota(question="english", option="Well", max_raters=5)]

    with pytest.raises(ValidationError, match="There is none"):
        Protocol.model_validate({**dict(protocol), "quotas": declared})
