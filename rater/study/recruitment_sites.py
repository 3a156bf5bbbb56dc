"""Set-up of a study on a recruitment site: link, completion codes, screening text, pay, and open problems.

Everything comes from the protocol alone, so that the desk can show it. Placeholders are those that the sites
document; docs/how-to/recruit.md has the sources.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from urllib.parse import parse_qs, urlsplit

from rater.study.endings import Ending, Outcome
from rater.study.protocol import Protocol
from rater.study.visit import CLOUDRESEARCH, MTURK, PROLIFIC, SONA

MIN_FINISHED = 10
"""Raters who must have finished before their median time is compared with the estimate."""
_TOLERATED_DIFFERENCE = 0.25
"""A relative difference of median and estimate that changes the pay by less than a quarter."""
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 (names a host, binds nothing)


class Site(StrEnum):
    """The way by which raters are recruited."""

    PROLIFIC = "Prolific"
    CLOUDRESEARCH = "CloudResearch Connect"
    MTURK = "Mechanical Turk"
    SONA = "SONA"
    OTHER = "another site"
    PERSONAL = "personal links"
    OPEN = "the study's link"


_SITES = {
    each.participant_id: site
    for each, site in (
        (PROLIFIC, Site.PROLIFIC),
        (CLOUDRESEARCH, Site.CLOUDRESEARCH),
        (MTURK, Site.MTURK),
        (SONA, Site.SONA),
    )
}
_PLACEHOLDERS = {Site.PROLIFIC: "{{{{%{name}%}}}}", Site.SONA: "%SURVEY_CODE%", Site.OTHER: "REPLACE_{name}"}
"""By site, the value of a parameter in the link; other sites add their parameters themselves."""
_OUTCOMES = {
    Outcome.FINISHED: "Finished",
    Outcome.SCREENED_OUT: "Screened out, or failed the practice",
    Outcome.FAILED_PRACTICE: "Failed the practice",
    Outcome.FAILED_CHECKS: "Failed attention checks",
    Outcome.DECLINED: "Did not consent",
    Outcome.STOPPED: "Stopped early",
    Outcome.WITHDRAWN: "Withdrew",
    Outcome.FULL: "Came when all places were taken",
    Outcome.CLOSED: "Came when the study was closed",
    Outcome.PAUSED: "Came while the study was paused",
    Outcome.LATE: "Came back after their place was reassigned",
    Outcome.EXCLUDED: "Took part in an excluded study before",
}


@dataclass(frozen=True)
class OutcomeCode:
    """The completion code and redirect URL of an outcome of a session."""

    outcome: str
    """The name of the field of `Endings`."""
    label: str
    """The outcome in words."""
    code: str | None
    url: str | None


@dataclass(frozen=True)
class Pay:
    """A payment per rater with the payment per hour that it implies."""

    payment: Decimal
    minutes: float
    basis: str
    """The source of the minutes, in words."""

    @property
    def per_hour(self) -> Decimal:
        """The payment per hour, rounded to hundredths."""
        return (self.payment * 60 / Decimal(str(self.minutes))).quantize(Decimal("0.01"))


def site_of(protocol: Protocol) -> Site:
    """Return the site whose participant ID the study declares."""
    if protocol.recruitment is not None:
        return _SITES.get(protocol.recruitment.participant_id, Site.OTHER)
    return Site.PERSONAL if protocol.invited_only else Site.OPEN


def study_link(protocol: Protocol, address: str) -> str:
    """Return the link to give to the site: the study's address with the site's placeholders.

    Sites replace placeholders literally, so they are not percent-encoded.

    Args:
        protocol: The study.
        address: The study's address, without parameters.
    """
    placeholder = _PLACEHOLDERS.get(site_of(protocol))
    if placeholder is None or protocol.recruitment is None:
        return address
    names = protocol.recruitment.parameters
    return f"{address}?{'&'.join(f'{name}={placeholder.format(name=name)}' for name in names)}"


def mturk_html(protocol: Protocol, address: str) -> str:
    """Return the HTML of a survey-link HIT, whose script adds the worker's parameters to the link.

    Mechanical Turk adds them to the address of the HIT's own frame, and to no link in it.
    """
    names = ", ".join(f'"{name}"' for name in (protocol.recruitment or MTURK).parameters)
    return f"""<a id="study" target="_blank" rel="noopener">Open the study</a>
<script>
  const hit = new URLSearchParams(location.search);
  const link = new URL("{address}");
  for (const name of [{names}]) link.searchParams.set(name, hit.get(name) ?? "");
  document.getElementById("study").href = link;
</script>"""


def outcome_codes(protocol: Protocol) -> tuple[OutcomeCode, ...]:
    """Return each outcome that has a completion code or a redirect URL, in the order of the endings."""
    return tuple(
        OutcomeCode(name, _OUTCOMES[Outcome(name)], ending.code, ending.url)
        for name, ending in protocol.endings.by_name()
        if ending.code is not None or ending.url is not None
    )


def screening_text(protocol: Protocol) -> str:
    """Return the eligibility questions with their options as text; empty without screening."""
    blocks = []
    for number, each in enumerate(protocol.screening, start=1):
        options = [
            f"- {option}{' (eligible)' if option in each.accepted else ' (not eligible)'}"
            for option in each.options
        ]
        blocks.append("\n".join([f"{number}. {each.question}", *options]))
    return "\n\n".join(blocks)


def pay_for(per_hour: Decimal, minutes: float) -> Decimal:
    """Return the payment per rater that gives a payment per hour, rounded to hundredths."""
    return (per_hour * Decimal(str(minutes)) / 60).quantize(Decimal("0.01"))


def compare_median(estimate: float, median: float, *, n_finished: int) -> str:
    """Compare the median time with the estimate in a sentence; empty with fewer than ten raters.

    Args:
        estimate: The minutes that raters are shown.
        median: The median minutes of raters who finished.
        n_finished: The number of raters who finished.
    """
    if n_finished < MIN_FINISHED:
        return ""
    sentence = f"Median of {n_finished:,} raters: {median:.1f} minutes; shown to raters: {estimate:g}."
    if abs(median / estimate - 1) <= _TOLERATED_DIFFERENCE:
        return sentence
    longer = "longer" if median > estimate else "shorter"
    advice = "raise the payment" if median > estimate else "a lower payment per rater pays the same per hour"
    return f"{sentence} The session is {longer} than estimated: amend minutes, and {advice}."


def setup_problems(protocol: Protocol, address: str) -> tuple[str, ...]:
    """Return what may keep raters from taking part or from being paid, in a sentence each.

    Args:
        protocol: The study.
        address: The study's address, without parameters.
    """
    return (*_address_problems(protocol, address), *_code_problems(protocol))


def _address_problems(protocol: Protocol, address: str) -> Iterator[str]:
    split = urlsplit(address)
    if split.hostname in _LOCAL_HOSTS:
        yield (
            f"The address {split.hostname} works on this machine only. Open this page by the public address "
            "of the server, and the link has that address."
        )
    elif split.scheme != "https":
        yield "The address is http. Recruitment sites need https, and browsers may refuse cookies without it."
    site = site_of(protocol)
    if protocol.invited_only and site not in {Site.PERSONAL, Site.OPEN}:
        yield (
            f"invited_only is set, so raters from {site} cannot begin with the link below; they need "
            "personal links."
        )
    recruitment = protocol.recruitment
    if protocol.excluded_studies and recruitment is not None and not recruitment.required:
        yield (
            "excluded_studies is set and recruitment.required is not: visitors without a participant ID are "
            "not recognised, and can take part."
        )
    if protocol.contact is None and site is not Site.OPEN:
        yield "contact is not set: raters with a problem do not know whom to ask."


def _code_problems(protocol: Protocol) -> Iterator[str]:
    site = site_of(protocol)
    if site in {Site.OPEN, Site.PERSONAL}:
        return
    endings = dict(protocol.endings.by_name())
    finished = endings["finished"]
    if finished.code is None and finished.url is None:
        yield "endings.finished has neither code nor url: raters who finish cannot show it to the site."
    if site is Site.SONA and "survey_code" not in finished.placeholders:
        yield (
            "endings.finished.url does not contain {survey_code}, so SONA cannot grant credit by itself. "
            "Append &survey_code={survey_code} to the completion URL that SONA shows."
        )
    if (protocol.screening or protocol.practice_pass) and endings["screened_out"] == Ending():
        yield "endings.screened_out has neither code nor url: raters who are screened out cannot be paid."
    codes = Counter(ending.code for ending in endings.values() if ending.code is not None)
    for code in sorted(code for code, n in codes.items() if n > 1):
        names = ", ".join(name for name, ending in endings.items() if ending.code == code)
        yield f"The outcomes {names} share the code {code}, so the site cannot tell them apart."
    for name, ending in endings.items():
        sent = parse_qs(urlsplit(ending.url or "").query).get("cc", [])
        if ending.code is not None and sent and sent != [ending.code]:
            yield f"endings.{name} has the code {ending.code}, but its url sends cc={sent[0]}."
