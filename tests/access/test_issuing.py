"""What keys look like."""

from __future__ import annotations

import pytest

from claude_gateway import Secret
from claude_gateway.access.issuing import ALPHABET, HINT, PREFIX, kept, new_secret, well_formed
from claude_gateway.redaction import redacted


def test_a_key_is_random_readable_and_never_one_of_anthropics() -> None:
    made = {new_secret().reveal() for _ in range(200)}
    assert len(made) == 200
    for key in made:
        assert well_formed(key)
        assert key.startswith(PREFIX)
        assert not key.startswith("sk-ant-")
        assert set(key[len(PREFIX) :]) <= set(ALPHABET)


@pytest.mark.parametrize("place", [3, 20, 45, 51])
def test_a_key_with_one_wrong_letter_is_known_without_a_look_up(place: int) -> None:
    key = new_secret().reveal()
    other = "a" if key[place] != "a" else "b"
    assert not well_formed(key[:place] + other + key[place + 1 :])


@pytest.mark.parametrize(
    "text", ["", "cg-", "cg-x", "sk-ant-x", "cg-' OR 1=1 --", "cg-" + "é" * 49]
)
def test_s1_what_is_no_key_is_none(text: str) -> None:
    assert not well_formed(text)
    assert not well_formed(f"{new_secret().reveal()}{text or 'a'}")


def test_s3_what_is_kept_of_a_key_does_not_give_it_away() -> None:
    secret = new_secret()
    assert len(kept(secret).digest) == 32
    assert kept(secret).hint == secret.reveal()[:HINT]
    assert len(secret.reveal()) - HINT > 40
    assert kept(secret) != kept(Secret(secret.reveal()[:-1]))


def test_s11_keys_are_masked_wherever_text_is_shown() -> None:
    key = new_secret().reveal()
    assert redacted(f"the key {key}, or sk-ant-api03-x") == "the key cg-***, or sk-***"
    assert redacted("cg-something and cg-programming are words") == (
        "cg-something and cg-programming are words"
    )
