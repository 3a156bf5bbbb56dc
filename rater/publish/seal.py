"""Derive unpredictable ids from one secret seed, and commit to the key by its hash.

The commitment is SHA-256 over these lines, each ended by a line feed, in UTF-8::

    rater key 1
    salt <salt>
    seed <publication seed>
    study <study hash>
    ["<item id>",<prompt index>,"<arm>",<sample>,"<SHA-256 of the text as published>"]
    … one such line of canonical JSON for each item, sorted by item id

so that anyone with the salt, the seed, the study and the key can recompute it with any SHA-256 tool.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class KeyLine:
    """The arm and completion of one published item."""

    item_id: str
    prompt_index: int
    arm: str
    sample: int
    text: str


def new_secret() -> str:
    """Draw 256 bits from the operating system, in hexadecimal."""
    return secrets.token_hex(32)


def derive(seed: str, *names: str | int) -> bytes:
    """Derive 32 bytes from the secret seed for a named purpose (HMAC-SHA-256).

    A keyed hash, not a random generator's stream: anyone who sees some of the values (item ids are public)
    learns nothing about the others (the order, the booklets).
    """
    label = json.dumps(names, separators=(",", ":"))
    return hmac.new(bytes.fromhex(seed), label.encode(), hashlib.sha256).digest()


def derive_rng(seed: str, *names: str | int) -> np.random.Generator:
    """Seed a random generator from the secret seed for a named purpose."""
    return np.random.default_rng(int.from_bytes(derive(seed, *names), "big"))


def derive_id(seed: str, *names: str | int) -> str:
    """Derive a random-looking id of 128 bits, in hexadecimal."""
    return derive(seed, *names).hex()[:32]


def derive_slug(seed: str) -> str:
    """Derive the random part of a study's address."""
    return derive_id(seed, "slug")[:12]


def commit(lines: Iterable[KeyLine], *, salt: str, seed: str, study_hash: str) -> str:
    """Hash the salted key as the module's docstring specifies; hexadecimal."""
    listing = ["rater key 1", f"salt {salt}", f"seed {seed}", f"study {study_hash}"]
    for line in sorted(lines, key=lambda line: line.item_id):
        text_hash = hashlib.sha256(line.text.encode()).hexdigest()
        row = [line.item_id, line.prompt_index, line.arm, line.sample, text_hash]
        listing.append(json.dumps(row, separators=(",", ":"), ensure_ascii=False))
    return hashlib.sha256("".join(f"{line}\n" for line in listing).encode()).hexdigest()
