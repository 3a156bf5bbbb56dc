"""The reference: a text of the same prompt that raters see with each rated text, the same in all arms.

A question such as "How much happier than the text above?" needs a text to compare with. Two sources exist: a
field that each item brings, shown with ``ShownField(…, is_text=True)``; and an arm of the study, named by
`reference_arm`. That arm writes one more text for each item, and this text is the field `reference` of the
item. It is stored with every text of the item, whatever its arm, so that it cannot reveal an arm.

The reference is a sample that nobody rates. The arm is rated too, by its other samples: they are a hidden
baseline, which shows whether raters use the zero of the scale. One reference for each item is the simplest
design. It is the same for all raters and arms, so that its own peculiarities cancel in every difference
between arms of a prompt.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rater.errors import nearest
from rater.study.fields import REFERENCE, Item, names_in

if TYPE_CHECKING:
    from rater.study.study import Study


def require_reference(study: "Study") -> None:
    """Refuse a reference arm that does not exist, or whose text cannot be shown or told from rated ones.

    Raises:
        ValueError: with the field, the value, and what is valid.
    """
    arm = study.reference_arm
    if arm is None:
        return
    if arm not in study.arm_names:
        msg = f"reference_arm: unknown arm {arm!r}.{nearest(arm, study.arm_names)}"
        raise ValueError(msg)
    if REFERENCE in study.field_names:
        msg = (
            f"reference_arm is {arm!r}, but the items have a field {REFERENCE!r} of their own; remove one of "
            "the two"
        )
        raise ValueError(msg)
    shown = [each for each in study.shown_fields if each.name == REFERENCE]
    if not shown or not shown[0].is_text:
        msg = (
            f"reference_arm is {arm!r}, but raters do not see its texts; add to shown_fields: "
            f"ShownField(name={REFERENCE!r}, label='Compare with this text:', is_text=True)"
        )
        raise ValueError(msg)
    if study.sampling.temperature == 0:
        msg = (
            f"reference_arm is {arm!r}, but sampling.temperature is 0, so that all texts of a prompt are the "
            "same and the reference would be rated against itself; set a temperature above 0"
        )
        raise ValueError(msg)
    if any(item.turns for item in study.items):
        msg = f"reference_arm is {arm!r}, but the items are conversations, which have no reference"
        raise ValueError(msg)
    if REFERENCE in names_in(study.instructions):
        msg = f"instructions names {{{REFERENCE}}}, which differs from prompt to prompt"
        raise ValueError(msg)


def with_reference(study: "Study") -> Sequence[Item]:
    """Return the items with a placeholder for the text of the reference arm, if the study has one."""
    if study.reference_arm is None:
        return study.rated_items
    return [
        Item.model_validate({**item.model_dump(), REFERENCE: f"the reference of item {number}"})
        for number, item in enumerate(study.rated_items)
    ]
