"""The errors that a user can cause or has to hear of.

Each carries its exit code. They end in report(), as one line; anything else that escapes is a bug
and keeps its traceback.
"""

import sys

# Commands whose exit code 1 says something of what was measured: all that goes wrong is a 2.
VERDICTS = ("check", "bisect", "validate")


class SwitchyardError(Exception):
    """Something went wrong; the text says what, and what would be right."""

    exit_code = 1


class BadInputError(SwitchyardError):
    """The command line, or a file or folder it names, can't be used."""

    exit_code = 2


class CandidateError(SwitchyardError):
    """The candidate does not build, or has nothing to measure: another commit may be better."""


def report(error: SwitchyardError) -> int:
    """Print it; returns its exit code."""
    print(f"switchyard: error: {error}", file=sys.stderr)
    return error.exit_code
