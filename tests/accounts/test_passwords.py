"""What is kept of a password."""

import subprocess
import sys

import pytest

from leaderboard.accounts import passwords
from leaderboard.errors import InvalidInput

# Of a process that nobody has made cheaper: the least that is recommended for scrypt today, N = 2^15 with r = 8, p = 3.
_IN_EARNEST = """
from leaderboard.accounts import passwords
kept = passwords.hash_of("correct horse")
assert kept.startswith("scrypt$32768$8$3$"), kept
assert passwords._NOBODY.startswith("scrypt$32768$8$3$")
assert passwords.matches("correct horse", kept) and not passwords.matches("correct horsf", kept)
"""


def test_what_it_costs_in_earnest() -> None:
    subprocess.run([sys.executable, "-c", _IN_EARNEST], check=True, timeout=60)


def test_only_the_password_matches() -> None:
    kept = passwords.hash_of("Ångström-1234")
    assert passwords.matches("Ångström-1234", kept)  # however it is composed
    for other in ("ångström-1234", "Ångström-123", "", "x" * 5000, "\ud800"):
        assert not passwords.matches(other, kept)
    assert not passwords.matches("Ångström-1234", None)
    assert kept != passwords.hash_of("Ångström-1234")


@pytest.mark.parametrize("weak", ["", "123456789", "x" * 257, "aaaaaaaaaaaa", "abcabcabcabc"])
def test_weak_ones_are_refused(weak: str) -> None:
    with pytest.raises(InvalidInput):
        passwords.hash_of(weak)
