"""Entry point: makes the standard streams safe, then hands over to the command line in cli.py.

Nothing else is loaded before, so that Ctrl-C ends in one line also while the commands load.
"""

import sys
import traceback

from .system import errors, packages, streams


def main() -> int:
    stdout = streams.make_safe()
    is_verdict = sys.argv[1:2] in [[command] for command in errors.VERDICTS]
    try:
        from . import cli

        code = cli.main()
    except KeyboardInterrupt:
        print("switchyard: interrupted", file=sys.stderr)
        code = 130
    except ImportError as error:
        print(f"switchyard: error: {packages.told(error)}", file=sys.stderr)
        code = 2
    except SystemExit as ended:  # argparse: --help, or a command line it can't use
        code = int(ended.code or 0)
    except Exception:  # a bug, or a module that can't be loaded
        if not is_verdict:
            raise
        traceback.print_exc()
        code = 2
    sys.stdout.flush()
    # A reader that went away has what it wanted.
    if stdout.error and not isinstance(stdout.error, BrokenPipeError):
        reason = stdout.error.strerror
        print(f"switchyard: error: cannot write output: {reason}", file=sys.stderr)
        code = 2 if is_verdict else code or 1
    # To `git bisect run` 2 would be one of its verdicts; 128 ends it. Options may be shortened.
    is_for_git = is_verdict and any(word.startswith("--bis") for word in sys.argv[2:])
    return 128 if is_for_git and code == 2 else code


if __name__ == "__main__":
    sys.exit(main())
