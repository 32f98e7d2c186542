# Shared by the scripts of this folder: source it from the root of the checkout.
# shellcheck shell=sh

# The project's own library comes first and is the only one that is written to.
library=$PWD/build/library
case ${R_LIBS:-} in
"$library" | "$library":*) ;;
*) R_LIBS=$library${R_LIBS:+:$R_LIBS} ;;
esac
export R_LIBS
mkdir -p "$library" # R leaves out a library that does not exist

# What an outer make was told (-j, -n) is not meant for the makes that R runs.
unset MAKEFLAGS MFLAGS MAKELEVEL

# A check says how it went and, where tools/test.sh runs it, counts itself.
tally() { # passed failed skipped
  echo "$1 $2 $3" >>"${TALLY:-/dev/null}"
}
ok() {
  echo "ok - $1"
  tally 1 0 0
}
not_ok() {
  echo "not ok - $1"
  tally 0 1 0
}
skip() {
  echo "skip - $1"
  tally 0 0 1
}

# Whether tools/setup.sh may install Debian packages.
can_apt() {
  [ "$(id -u)" -eq 0 ] && [ -f /etc/debian_version ] &&
    command -v apt-get >/dev/null
}

# A missing tool is a fault where the set-up could have installed it.
missing_tool() { # check reason
  if can_apt; then
    not_ok "$1: $2"
  else
    skip "$1: $2"
  fi
}

# The formatter of the C code, as Debian has it.
# shellcheck disable=SC2034 # used by those who source this file
clang_format=clang-format

# The C flags every file of the core has to bear.
# shellcheck disable=SC2034 # used by those who source this file
strict_core='-std=c11 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion
  -Werror -Isrc/core -Itests/core'
