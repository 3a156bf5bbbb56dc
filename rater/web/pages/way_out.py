"""Define the way back to the site where a rater came from: a code to copy, a button, or both."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from rater.study.visit import Ending


@dataclass(frozen=True)
class WayOut:
    """A code to copy and an address to go to, where the study has them."""

    code: str | None = None
    url: str | None = None
    leads_on: bool = False
    """Whether the page itself goes to the address after a while."""

    @classmethod
    def of(cls, ending: Ending, identifiers: Mapping[str, str], *, leads_on: bool = True) -> "WayOut":
        """Take them from the study, with what the rater's link said in the address."""
        url = ending.address_for(identifiers)
        return cls(ending.code, url, leads_on and url is not None)

    @property
    def exists(self) -> bool:
        """Whether there is anything to do before the page is closed."""
        return self.code is not None or self.url is not None

    @property
    def host(self) -> str:
        """The site that the address leads to."""
        return (urlsplit(self.url or "").hostname or "").removeprefix("www.")
