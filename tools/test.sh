#!/bin/sh
# Runs stages of the tests and closes with the line
# `N passed, N failed, N skipped`. A stage that breaks off counts as a failure.
# usage: tools/test.sh [setup|build|core|r|style|house|package|valgrind]...
# Without arguments it runs all but the last.
set -u
cd "$(dirname "$0")/.." || exit 1
. tools/common.sh

# The locale of the machine must not decide how a test turns out.
if locale -a 2>/dev/null | grep -qix 'C.utf-\?8'; then
  export LC_ALL=C.UTF-8
fi

run() {
  case $1 in
  setup) tools/setup.sh test ;;
  build) make --silent build ;;
  core) tools/test-core.sh ;;
  valgrind) tools/test-core.sh valgrind ;;
  r) Rscript tools/test-r.R ;;
  style) tools/check-style.sh ;;
  house) tools/check-house.sh ;;
  package) tools/check-package.sh ;;
  *)
    echo "no such stage" >&2
    return 2
    ;;
  esac
}

tallies=$PWD/build/tally
rm -rf "$tallies"
mkdir -p "$tallies"
[ $# -gt 0 ] || set -- setup build core r style house package
for stage; do
  printf '\n== %s\n' "$stage"
  export TALLY="$tallies/$stage"
  begun=$(date +%s)
  run "$stage" </dev/null
  status=$?
  if [ "$status" -ne 0 ]; then
    not_ok "stage $stage broke off, exit status $status"
  elif [ ! -s "$TALLY" ] && [ "$stage" != setup ] && [ "$stage" != build ]; then
    not_ok "stage $stage told nothing"
  fi
  echo "== $stage took $(($(date +%s) - begun)) s"
done

echo
cat "$tallies"/* 2>/dev/null | awk '
  { passed += $1; failed += $2; skipped += $3 }
  END {
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
    exit failed > 0
  }'
