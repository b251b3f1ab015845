"""Check whether the candidate is slower than the baseline; the exit code says.

Every way of failing ends with exit code 2, as 1 has a meaning of its own: something regressed. For
`git bisect run` a candidate that can't be measured is 125, and __main__ makes 128 of all else.
"""

import argparse
import sys
import traceback

from ..system import errors, streams
from ..system.errors import CandidateError, SwitchyardError
from ..system.machine import Machine

_FAILED = 2
_SKIP_COMMIT = 125


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ..gate import options

    options.add_to(parser)


def main(args: argparse.Namespace) -> int:
    try:
        code = _check(args)
        sys.stdout.flush()
    except SwitchyardError as error:
        errors.report(error)
        is_skipped = args.bisect_run and isinstance(error, CandidateError)
        return _SKIP_COMMIT if is_skipped else _FAILED
    except Exception:
        traceback.print_exc()
        return _FAILED
    return _FAILED if streams.has_lost_output() else code


def _check(args: argparse.Namespace) -> int:
    from ..gate import options

    machine = Machine()
    earlier = options.replayed(args)
    asked = earlier or options.read(args, machine)
    # Statistics take a second to load: only for options that make sense.
    from ..gate import execution

    return execution.replay(earlier) if earlier else execution.check(asked, machine)
