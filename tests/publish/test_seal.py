"""Hold the commitment against a listing written out by hand."""

import hashlib

from rater.publish.seal import KeyLine, commit, derive, derive_id, derive_rng, new_secret

SEED, SALT = "11" * 32, "22" * 32
LINES = [
    KeyLine("bb", prompt_index=1, arm="steered", sample=0, text=" is “grün”"),
    KeyLine("aa", prompt_index=0, arm="unsteered", sample=2, text=" fell on"),
]


def test_the_commitment_is_the_hash_of_the_listing_that_the_docstring_lays_down() -> None:
    listing = (
        "rater key 1\n"
        f"salt {SALT}\n"
        f"seed {SEED}\n"
        "study abc\n"
        f'["aa",0,"unsteered",2,"{hashlib.sha256(b" fell on").hexdigest()}"]\n'
        f'["bb",1,"steered",0,"{hashlib.sha256(" is “grün”".encode()).hexdigest()}"]\n'
    )

    committed = commit(LINES, salt=SALT, seed=SEED, study_hash="abc")

    assert committed == hashlib.sha256(listing.encode()).hexdigest()


def test_the_commitment_changes_with_the_arm_of_one_item() -> None:
    swapped = [LINES[0], KeyLine("aa", 0, "steered", 2, " fell on")]

    before = commit(LINES, salt=SALT, seed=SEED, study_hash="abc")
    after = commit(swapped, salt=SALT, seed=SEED, study_hash="abc")

    assert before != after


def test_a_derived_value_is_an_hmac_under_the_seed() -> None:
    # printf '["item",1]' | openssl dgst -sha256 -mac HMAC -macopt hexkey:$(printf '11%.0s' $(seq 32))
    expected = "28d40c69dd1c3a69c8cb97553d103fa77d2bd182166cba1432b3490690b2ae2e"

    assert derive(SEED, "item", 1).hex() == expected


def test_derived_values_depend_on_the_seed_and_on_each_name() -> None:
    derived = {
        derive(SEED, "item", 1),
        derive(SEED, "item", 2),
        derive(SEED, "order", 1),
        derive(SALT, "item", 1),
    }

    assert len(derived) == 4


def test_names_are_told_apart_by_their_borders() -> None:
    assert derive(SEED, "ab", "c") != derive(SEED, "a", "bc")


def test_ids_have_128_bits_and_streams_repeat() -> None:
    assert len(bytes.fromhex(derive_id(SEED, "item", 1))) == 16
    assert derive_rng(SEED, "booklets").random() == derive_rng(SEED, "booklets").random()
    assert derive_rng(SEED, "booklets").random() != derive_rng(SEED, "other").random()


def test_secrets_are_256_bits_and_never_the_same() -> None:
    assert len(bytes.fromhex(new_secret())) == 32
    assert new_secret() != new_secret()
