"""Find the commit that made a benchmark slower; nothing of the repository is touched.

Every way of failing ends with exit code 2, as for a check.
"""

import argparse

from ..system.machine import Machine

# Of a check, those that have a meaning for each comparison.
_OF_CHECK = (
    "--candidate-build", "--binaries", "--build-command", "--threshold", "--alpha", "--budget",
    "--seed", "--min-time", "--launch-timeout", "--metric", "--cpu", "--out",
)  # fmt: skip
_EXAMPLES = """\
examples:
  bisect --good v1.2 BM_Parse/64 --binaries 'bench/*' --build-command 'make bench'
  bisect --good HEAD~30 spawn/fiber/tasks:100         Switchyard itself

exit codes: 0 found, 2 it could not do its work, 3 one of several, 128 + N ended by signal N"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ..gate.options import OPTIONS

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    parser.set_defaults(arguments=())  # of the binaries: what is behind --
    parser.add_argument("wanted", nargs="+", metavar="NAME", help="a benchmark that became slower")
    good = {"required": True, "dest": "ref", "metavar": "REV"}
    parser.add_argument("--good", help="where it was fast enough", **good)
    parser.add_argument("--bad", default="HEAD", metavar="REV", help="where it is not (HEAD)")
    for name, says, told in OPTIONS:
        if name in _OF_CHECK:
            parser.add_argument(name, help=says, **told)


def main(args: argparse.Namespace) -> int:
    from ..gate import options

    machine = Machine()
    asked = options.read(args, machine)
    from ..gate.bisect import bisect  # loads statistics: only for options that make sense

    return bisect(asked, args.bad, machine)
