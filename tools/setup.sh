#!/bin/sh
# Installs what is missing, and nothing that is there already.
# usage: tools/setup.sh demo|paper|live|test|valgrind
#
# As root on Debian: R, the tools and R packages come from apt. What apt does
# not have, or has too old, and everything elsewhere: R packages are built from
# CRAN into build/library. The user's own libraries are never written to.
set -eu
cd "$(dirname "$0")/.."
. tools/common.sh
log=build/setup.log

# Which packages: the fields of DESCRIPTION, and what it has no reason to list.
goal=${1:-demo}
fields=Imports
extras='janeaustenr rmarkdown' # the prompts of the demo, and its report
debian='r-base-core r-base-dev ca-certificates pandoc'
commands='R cc make'
case $goal in
demo) commands="$commands pandoc" ;;
paper) extras='ggplot2(>=3.4.0)' ;; # the figures; the floor is DESCRIPTION's
live) extras='curl jsonlite rmarkdown' ;; # the client; the report
test | valgrind)
  fields=Imports,Suggests
  extras="$extras lintr roxygen2"
  # The last two are what CRAN's curl and archive are built with.
  debian="$debian $clang_format qpdf libcurl4-openssl-dev libarchive-dev"
  commands="$commands $clang_format pandoc qpdf"
  ;;
*)
  echo "usage: tools/setup.sh demo|paper|live|test|valgrind" >&2
  exit 2
  ;;
esac
if [ "$goal" = valgrind ]; then
  debian="$debian valgrind"
  commands="$commands valgrind"
fi

# An R that did not come with Debian does not see Debian's R packages.
debian_r=no
if can_apt; then
  case $(command -v R || echo none) in
  none | /usr/bin/R | /bin/R) debian_r=yes ;;
  esac
fi

lists=old
apt_update() {
  [ "$lists" = new ] && return
  echo "setup: reading the package lists"
  apt-get update -qq >"$log" 2>&1 || tail -n 5 "$log" >&2 # old lists may do
  lists=new
}

# Installs what apt knows of the packages; the rest is for what comes after.
apt_install() {
  apt_update
  known=
  for package; do
    if apt-cache show "$package" >/dev/null 2>&1; then
      known="$known $package"
    fi
  done
  # shellcheck disable=SC2086 # a list of names
  set -- $known
  [ $# -gt 0 ] || return 0
  echo "setup: installing $*"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends -o DPkg::Lock::Timeout=300 \
    "$@" >"$log" 2>&1 </dev/null && return
  tail -n 20 "$log" >&2
  return 1
}

not_installed() { # Debian packages
  for package; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) ||
      status=none
    [ "$status" = installed ] || echo "$package"
  done
}

r_packages() { # missing|install
  # shellcheck disable=SC2086 # a list of names
  Rscript tools/packages.R "$1" "$fields" $extras
}

if can_apt; then
  # shellcheck disable=SC2086 # a list of names
  wanted=$(not_installed $debian)
  if [ "$debian_r" = no ]; then
    wanted=$(echo "$wanted" | grep -v '^r-base-' || true)
  fi
  # shellcheck disable=SC2086
  [ -z "$wanted" ] || apt_install $wanted || true # see below
fi

lacking=
for command in $commands; do
  command -v "$command" >/dev/null || lacking="$lacking $command"
done
if [ -n "$lacking" ]; then
  echo "setup: please install:$lacking" >&2
  command -v Rscript >/dev/null || exit 1
fi

missing=$(r_packages missing)
if [ -n "$missing" ] && [ "$debian_r" = yes ]; then
  names=$(echo "$missing" | tr '[:upper:]' '[:lower:]' | sed 's/^/r-cran-/')
  # shellcheck disable=SC2086
  wanted=$(not_installed $names)
  # What apt cannot bring is left to CRAN.
  # shellcheck disable=SC2086
  [ -z "$wanted" ] || apt_install $wanted || true
fi
[ -z "$missing" ] || r_packages install

# The engine behind the real model's server, where the model and node are; what
# needs it is skipped without it.
node=build/node
if [ -d "${TIMETOUNSAFE_DATA:-}/models" ] && command -v npm >/dev/null &&
  [ ! -d $node/node_modules/node-llama-cpp ]; then
  case $goal in
  live | test)
    echo "setup: installing node-llama-cpp into $node"
    mkdir -p $node
    npm install --prefix $node --omit=optional --no-audit --no-fund \
      node-llama-cpp@3.21.1 @node-llama-cpp/linux-x64@3.21.1 \
      >"$log" 2>&1 </dev/null || tail -n 5 "$log" >&2
    ;;
  esac
fi
