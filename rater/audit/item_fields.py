"""Find fields of items whose values differ between arms, and so reveal them.

Every item has texts of all arms, in equal numbers. So each value of a field is as frequent in one arm as in
any other; where it is not, raters could tell arms apart by it, and the study is not published.
"""

from collections import Counter, defaultdict

from rater.audit.findings import Hit
from rater.audit.marks import AuditedPublication


def find_separating_fields(audited: AuditedPublication) -> list[Hit]:
    """List each value of a field that is not equally frequent in all arms, with the texts too many in one."""
    arms = sorted(set(audited.arms.values()))
    counts: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for item in audited.rated:
        for name, value in item.fields.items():
            counts[name, value][audited.arms[item.id]] += 1
    return [
        Hit(
            severity="structure",
            what="field that differs between arms",
            mark=f"{name} {value!r}",
            place="rating database: item.fields",
            count=max(by_arm.values()) - min(by_arm[arm] for arm in arms),
        )
        for (name, value), by_arm in sorted(counts.items())
        if len({by_arm[arm] for arm in arms}) > 1
    ]
