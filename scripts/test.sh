#!/usr/bin/env bash
# Everything that must hold, one line per step with its time; the first failure ends it and shows
# that step's output. Arguments go to the release preset's ctest (for example: -R conformance).
# With --deep alone, what takes longer instead: clang's build and sanitizers, the thread sanitizer,
# clang-tidy, and a minute of fuzzing; with --fuzz alone that minute. What it finds is left in
# build/fuzz/.
set -euo pipefail

CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." >/dev/null
logs=build/test-logs
mkdir -p "$logs"
jobs=$(nproc)
smoke=$(mktemp -d)
trap 'rm -rf "$smoke"' EXIT

# step NAME COMMAND...: runs it with its output in a log; prints the log's end, or all on failure.
step() {
  local name=$1 log=$logs/${1// /-}.log start=$SECONDS
  shift
  if "$@" >"$log" 2>&1 </dev/null; then
    printf 'test: %-24s ok %5d s\n' "$name" $((SECONDS - start))
  else
    local code=$?
    tail -n 200 "$log"
    printf 'test: %-24s FAILED (exit %d) after %d s, log: %s\n' \
      "$name" "$code" $((SECONDS - start)) "$log" >&2
    exit 1
  fi
}

# What can be done without is told in a line: its tests are skipped.
set_up() {
  step "set up" scripts/setup.sh --gevent --outside --mpi --tests "$@"
  grep -h 'going on without' "$logs/set-up.log" || true
}

build() {
  cmake --preset "$1" "${@:2}" && cmake --build --preset "$1" --parallel "$jobs"
}

# Most tests wait more than they work, so there may be more of them than CPUs; those that measure
# say so (RUN_SERIAL, `alone`) and have the machine for themselves.
run_ctest() {
  ctest --preset "$1" -j $((2 * jobs)) --output-on-failure "${@:2}"
}

run_pytest() {
  .venv/bin/python -m pytest -n $((2 * jobs)) --dist worksteal -m "not alone" &&
    .venv/bin/python -m pytest -m alone
}

cpp_format() {
  local files
  mapfile -t files < <(git ls-files --cached --others --exclude-standard '*.cpp' '*.hpp')
  ((${#files[@]} == 0)) || .venv/bin/clang-format --dry-run -Werror "${files[@]}"
}

python_style() {
  local folders=(scripts docs outside tests)
  .venv/bin/ruff check "${folders[@]}" && .venv/bin/ruff format --check "${folders[@]}"
}

# A step's function runs as a condition, where `set -e` does not hold: hence the && chains.
# Whatever workloads the binaries describe must have been measured, drawn and reported.
smoke_run() {
  scripts/switchyard.sh run --smoke --plot --report --out "$smoke/results" &&
    ls -l "$smoke/results/report.html" &&
    PYTHONPATH=scripts .venv/bin/python - "$smoke/results" <<'EOF'
import sys
from pathlib import Path

from switchyard.suite import catalog
from switchyard.suite.results import ResultsFolder
from switchyard.system.paths import RELEASE_BUILD

folder = ResultsFolder.load(Path(sys.argv[1]))
for name in [workload.name for workload in catalog.load(RELEASE_BUILD)]:
    if name not in folder.workloads or not folder.workloads[name].has_measurement():
        sys.exit(f"smoke run: no measurement of {name}")
    if not list(folder.path.glob(f"plots/{name}_*.png")):
        sys.exit(f"smoke run: no figure of {name}")
EOF
}

# Inputs that reach new code are kept from run to run in build/fuzz/corpus.
fuzz() {
  mkdir -p build/fuzz/corpus &&
    build/fuzz/bin/"$1" -max_total_time=60 -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix=build/fuzz/ build/fuzz/corpus tests/fuzz/corpus
}

# Every finding counts; what is left out, and why, stands in .clang-tidy.
clang_tidy() {
  run-clang-tidy -quiet -p build/clang -j "$jobs" '/(bench|tests)/.*\.cpp$' | tee /dev/stderr |
    (! grep -E 'warning:|error:' >/dev/null)
}

if [[ $* == --fuzz || $* == --deep ]]; then
  set_up --clang
  if [[ $* == --deep ]]; then
    for preset in clang tsan; do
      step "build $preset" build $preset -DSWITCHYARD_WERROR=ON
      step "ctest $preset" run_ctest $preset
    done
    step "clang-tidy" clang_tidy
  fi
  step "build fuzz" build fuzz
  step "fuzz http_get" fuzz http_get_fuzz
  grep -h '^Done ' "$logs/fuzz-http_get.log"
  exit
fi

set_up
step "format" cpp_format
step "python style" python_style
step "build release" build release -DSWITCHYARD_WERROR=ON
step "ctest release" run_ctest release "$@"
step "pytest" run_pytest
step "build asan" build asan
step "ctest asan" run_ctest asan
step "smoke run" smoke_run
grep -h 'tests passed' "$logs/ctest-release.log" "$logs/ctest-asan.log" || true
tail -n 1 "$logs/pytest.log"
