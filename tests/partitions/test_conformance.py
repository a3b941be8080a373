"""The known answers once more, of boards with parts."""

import subprocess
import sys

import pytest

# What asks for keys or scripts by their names, or is told in another way of what a board without parts has in reserve.
_NOT_THESE = (
    "ends_move or outlives_a_state or more_retention or while_scores_come_in or kept_few_and_then_all "
    "or without_its_secrets or whose_answer_was_lost"
)


@pytest.mark.long
def test_the_conformance_tests_hold_with_parts() -> None:
    options = ["-q", "-x", "-p", "tests.partitions.spread_all", "-p", "no:cacheprovider", "-m", "not long"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "tests/conformance", "-k", f"not memory and not ({_NOT_THESE})"],
        check=False,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert ran.returncode == 0, ran.stdout[-5000:] + ran.stderr[-2000:]
