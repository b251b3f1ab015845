#!/bin/sh
# Compares the names of all benchmarks in BIN_DIR with MATRIX. After a wanted change:
#   tests/check_matrix.sh build/release/bin tests/matrix.txt --update
set -eu
bin_dir=$1
matrix=$2
list() {
  for bench in "$bin_dir"/bench_*; do
    "$bench" --benchmark_list_tests | sed -E 's,(/iterations:1)?/manual_time$,,'
  done
}
if [ "${3:-}" = --update ]; then
  list > "$matrix"
  exit
fi
list | diff -u "$matrix" - || {
  echo "tests/matrix.txt does not match the benchmarks; if the change is wanted: tests/check_matrix.sh $bin_dir $matrix --update"
  exit 1
}
