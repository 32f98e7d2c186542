#!/bin/sh
# Builds every tests/core/test-*.c with the C core, without R, and runs it under
# the address and undefined-behaviour sanitizers, or under valgrind.
# usage: tools/test-core.sh [valgrind]
set -eu
cd "$(dirname "$0")/.."
. tools/common.sh

CC=${CC:-cc}
flags="$strict_core -g -O1"
runner=
out=build/core-sanitized
if [ "${1:-}" = valgrind ]; then
  runner='valgrind -q --error-exitcode=99 --leak-check=full'
  out=build/core-valgrind
else
  flags="$flags -fsanitize=address,undefined -fno-sanitize-recover=all"
fi
# The code by which a checker's verdict differs from a test's own.
export ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=print_stacktrace=1:exitcode=99

# A pattern that matches nothing stands for itself.
set -- tests/core/test-*.c
if [ ! -e "$1" ]; then
  echo "no tests/core/test-*.c" >&2
  exit 1
fi

rm -rf "$out"
mkdir -p "$out/core" "$out/tests"
compile_all() { # folder sources...
  folder=$1
  shift
  # shellcheck disable=SC2016 # for the inner shell
  printf '%s\n' "$@" | CC=$CC flags=$flags folder=$folder xargs -P 2 -I{} \
    sh -c '$CC $flags -c "$1" -o "$folder/$(basename "$1" .c).o"' - {} || true
}
compile_all "$out/core" src/core/*.c
compile_all "$out/tests" "$@"
for source in src/core/*.c; do
  [ -e "$out/core/$(basename "$source" .c).o" ] ||
    not_ok "$source does not compile"
done

for source; do
  name=$(basename "$source" .c)
  program=$out/$name
  # shellcheck disable=SC2086 # lists of words
  if ! $CC $flags -o "$program" "$out/tests/$name.o" "$out"/core/*.o -lm; then
    not_ok "$name does not build"
    continue
  fi
  status=0
  # shellcheck disable=SC2086
  timeout 900 $runner "$program" >"$program.log" 2>&1 || status=$?
  passed=$(grep -c '^ok - ' "$program.log" || true)
  failed=$(grep -c '^not ok - ' "$program.log" || true)
  problem=
  if [ "$status" -eq 99 ] || [ "$status" -ge 124 ]; then
    problem="crashed, exit status $status"
  elif [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
    problem="failed without a word, exit status $status"
  elif [ "$((passed + failed))" -eq 0 ]; then
    problem="printed no result"
  fi
  [ -z "$problem" ] || failed=$((failed + 1))
  tally "$passed" "$failed" 0
  echo "$name: $passed passed, $failed failed${problem:+ ($problem)}"
  if [ -n "$problem" ]; then
    tail -n 60 "$program.log"
  else
    grep '^not ok - ' "$program.log" || true
  fi
done
