#!/bin/sh
# The house rules that a machine can check.
set -u
cd "$(dirname "$0")/.." || exit 1
. tools/common.sh

# A rule about nothing is not kept but untested.
for part in NAMESPACE R/*.R man/*.Rd src/core/*.c; do
  if [ ! -e "$part" ]; then
    echo "no $part" >&2
    exit 1
  fi
done

# check <rule> <what breaks it, one per line; empty if nothing does>
check() {
  if [ -z "$2" ]; then
    ok "$1"
  else
    printf '%s\n' "$2" | sed 's/^/  /'
    not_ok "$1"
  fi
}

check "no R header in src/core" "$(
  grep -nE '#[[:space:]]*include[[:space:]]*[<"](R|S|Rinternals|Rmath|Rdefines|R_ext/.*|Rversion|Rconfig)(\.h)?[>"]' \
    src/core/*.[ch]
)"

check "no mirror's address in tools/: R has its own list" "$(
  grep -nE 'https?://[^ "]*(r-project|cran|posit|mirror)' tools/*.R tools/setup.sh
)"

if layers=$(Rscript tools/layers.R --check); then
  ok "the files of R/ form layers, as ARCHITECTURE.md has them"
else
  printf '%s\n' "$layers" | sed 's/^/  /'
  not_ok "the files of R/ form layers, as ARCHITECTURE.md has them"
fi

if lengths=$(Rscript tools/lengths.R); then
  ok "no function of R/ is longer than 80 lines"
else
  printf '%s\n' "$lengths" | sed 's/^/  /'
  not_ok "no function of R/ is longer than 80 lines"
fi

# What the compiled core refers to is what it really calls, comments and macros
# aside. Without builtins no call is turned into another one, and without
# position independence a constant table of strings is a constant.
objects=build/house
rm -rf "$objects"
mkdir -p "$objects"
broken=
for source in src/core/*.c; do
  # shellcheck disable=SC2086 # a list of words
  ${CC:-cc} $strict_core -fno-builtin -fno-pic -fno-pie -c "$source" \
    -o "$objects/$(basename "$source" .c).o" || broken="$broken $source"
done
symbols=$(cd "$objects" && nm -A -- *.o) || broken="$broken (nm)"
check "the core compiles by itself" "$broken"
check "the core does not allocate, print, exit, draw, assert or qsort" "$(
  printf '%s\n' "$symbols" | grep -E ' U _*(malloc|calloc|realloc|free|aligned_alloc|printf|fprintf|vprintf|vfprintf|sprintf|puts|fputs|putchar|exit|_Exit|abort|rand|srand|random|assert_fail|assert_rtn|qsort|bsearch)(_chk)?$'
)"
check "the core keeps no state" "$(
  printf '%s\n' "$symbols" | grep -E ' [BbCDd] '
)"

# Condition classes: what the code says, comments aside, and what the help says.
# In the code stop_classed("x", ...) stands for timetounsafe_error_x, and so on.
classes() {
  grep -oE 'timetounsafe_(error|warning|message)_[a-z0-9_]*[a-z0-9]' | sort -u
}
in_code=$objects/classes-in-code
in_help=$objects/classes-in-help
sed 's/^[[:space:]]*#.*//' R/*.R | tr '\n' ' ' |
  sed -E 's/stop_classed\( *(c\( *)?"/timetounsafe_error_/g
    s/warn_(classed|at_once)\( *"/timetounsafe_warning_/g
    s/inform_classed\( *"/timetounsafe_message_/g' | classes >"$in_code"
cat man/*.Rd | classes >"$in_help"
check "every condition class is in a help page" \
  "$(comm -23 "$in_code" "$in_help")"
check "every condition class of a help page exists" \
  "$(comm -13 "$in_code" "$in_help")"

# A page that passes on another package's function has no value of its own.
undocumented() {
  sed -n 's/^export(\(.*\))$/\1/p' NAMESPACE | tr -d '"`' |
    while read -r name; do
      page=$(grep -lF "\\alias{$name}" man/*.Rd)
      if [ -z "$page" ]; then
        echo "$name: no help page"
      elif ! grep -qE '^\\(value\{|docType\{import\})' "$page"; then
        echo "$name: no value in $page"
      fi
    done
}
check "every exported function has a help page that tells its value" \
  "$(undocumented)"
check "no word of tools/words.txt is left" "$(Rscript tools/words.R 2>&1)"
check "the tables of the vignettes are those of bench/" \
  "$(Rscript tools/tables.R --check 2>&1)"
check "the README's example prints what the README shows" \
  "$(Rscript tools/readme.R --check 2>&1)"
