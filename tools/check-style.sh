#!/bin/sh
# What a reader sees: lints, formatting of C, compiler warnings, and whether the
# generated files are current.
set -u
cd "$(dirname "$0")/.." || exit 1
. tools/common.sh

if Rscript -e 'loadNamespace("lintr")' >/dev/null 2>&1; then
  Rscript tools/lint.R || not_ok "lintr broke off"
else
  missing_tool "lintr" "not installed"
fi

if ! command -v "$clang_format" >/dev/null; then
  missing_tool "clang-format" "$clang_format is not installed"
elif find src tests/core -name '*.[ch]' \
  -exec "$clang_format" --dry-run -Werror {} +; then
  ok "clang-format"
else
  not_ok "clang-format"
fi

# R's own headers are read as a system's, so that their warnings do not count.
if headers=$(Rscript -e 'cat(R.home("include"))') &&
  ${CC:-cc} -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Werror \
    -fsyntax-only -Isrc -isystem "$headers" src/*.c src/core/*.c; then
  ok "the C code compiles without a warning"
else
  not_ok "the C code compiles without a warning"
fi

Rscript tools/docs.R --check
case $? in
0) ok "NAMESPACE and man/ are current" ;;
2) skip "NAMESPACE and man/ are current: another roxygen2" ;;
*) not_ok "NAMESPACE and man/ are current" ;;
esac
