#!/bin/sh
# Compares the names of all benchmarks in BIN_DIR with MATRIX; with --without-io-uring, which a build
# without liburing needs, all but those over io_uring. After a wanted change:
#   tests/check_matrix.sh build/release/bin tests/matrix.txt --update
set -eu
bin_dir=$1
matrix=$2
list() {
  for bench in "$bin_dir"/bench_*; do
    "$bench" --benchmark_list_tests | sed -E 's,(/iterations:1)?/manual_time$,,'
  done | grep -vE '^scale/.*/cpus:([2-9]|..+)$' # as many as this machine has
}
if [ "${3:-}" = --update ]; then
  list > "$matrix"
  exit
fi
expected() {
  if [ "${1:-}" = --without-io-uring ]; then
    grep -vE '/(fiber_)?uring/' "$matrix"
  else
    cat "$matrix"
  fi
}
expected "${3:-}" | { list | diff -u /dev/fd/3 -; } 3<&0 || {
  echo "tests/matrix.txt does not match the benchmarks; if the change is wanted: tests/check_matrix.sh $bin_dir $matrix --update"
  exit 1
}
