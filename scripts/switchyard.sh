#!/usr/bin/env bash
# Starts the Python package scripts/switchyard with the interpreter that setup.sh made. exec, so that
# a signal sent to this process reaches the runner itself; -I, so that neither a file in the caller's
# folder nor PYTHONPATH shadows a module. What is launched has the caller's PYTHONPATH as it is.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." >/dev/null && pwd)
python=$root/.venv/bin/python
fail() {
  echo "switchyard: error: $*" >&2
  exit 2
}

if [[ ! -x $python ]]; then
  # A .venv made by another user may lead to an interpreter in a folder that is closed to this one.
  [[ -e $python || -L $python || (-d $root/.venv && ! -x $root/.venv) ]] &&
    fail "$python is there, but user $(id -u) can't run it ($(readlink -m -- "$python"))," \
      "run $root/scripts/setup.sh as this user"
  fail "$root/.venv is missing: run $root/scripts/setup.sh first"
fi
# As an installed command does it: argv[0] is what the user typed, for the lines that repeat a check.
main='import sys; sys.path.insert(0, sys.argv[1]); del sys.argv[:2]; from switchyard.__main__ import main; sys.exit(main())'
exec "$python" -I -c "$main" "$root/scripts" "$0" "$@"
