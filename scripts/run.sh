#!/usr/bin/env bash
# The one command: sets up, builds, measures, prints the table, draws the figures, writes the report.
# Arguments go to `switchyard.sh run`. exec at the end: a signal sent to this script reaches the
# runner, which keeps and draws what was measured, and its exit code is this script's.
# A full run also takes the servers of outside/, each where it can be installed: without one, only its
# rows are left out.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." >/dev/null && pwd)
fail() {
  echo "run: error: $*" >&2
  exit 1
}
setup=("$root/scripts/setup.sh")
for argument in "$@"; do
  if [[ $argument == --full ]]; then setup+=(--outside); fi
done
"${setup[@]}"
# Before a build that takes minutes. What is printed is --help.
said=$("$root/scripts/switchyard.sh" run --check-only "$@")
if [[ $said ]]; then
  echo "$said"
  exit
fi
log=$root/build/run.log
{ mkdir -p "$root/build" && true >"$log"; } ||
  fail "user $(id -u) can't write $log: remove $root/build, or run as who made it"
echo "run: building (log: $log)"
# Not `if ! (...) >"$log"`: where that can't be written, bash takes neither branch and goes on.
(cd -- "$root" && cmake --preset release &&
  cmake --build --preset measured --parallel "$(nproc)") >"$log" 2>&1 || {
  tail -n 40 "$log" >&2
  fail "the build failed, see $log"
}
exec "$root/scripts/switchyard.sh" run --plot --report "$@"
