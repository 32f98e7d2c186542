#!/bin/sh
# Builds the package as it is released, checks it as CRAN does, and installs it
# into an empty library. None of it needs a network.
set -u
cd "$(dirname "$0")/.." || exit 1
. tools/common.sh
root=$PWD
package=$(sed -n 's/^Package: *//p' DESCRIPTION)
version=$(sed -n 's/^Version: *//p' DESCRIPTION)
tarball=${package}_$version.tar.gz

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

# The check looks packages up in a repository, and asks who maintains those that
# are suggested and not here: an empty one on this disk will do.
mkdir -p repository/src/contrib repository/web/packages
: >repository/src/contrib/PACKAGES
Rscript -e 'saveRDS(
  data.frame(Package = character(), Maintainer = character()),
  "repository/web/packages/packages.rds"
)'
echo "options(repos = c(CRAN = 'file://$work/repository'))" >profile.R
export R_PROFILE_USER="$work/profile.R"

export _R_CHECK_CRAN_INCOMING_REMOTE_=false
export _R_CHECK_FORCE_SUGGESTS_=false
export _R_CHECK_SYSTEM_CLOCK_=false # asks a time server
export _R_CHECK_TESTS_NLINES_=0     # all of a failing test's output
export NOT_CRAN=false

R CMD build "$root" || exit 1
R CMD check --as-cran --no-manual "$tarball"
rm -rf "$root/build/$package.Rcheck"
mv "$package.Rcheck" "$root/build/" || exit 1
if Rscript "$root/tools/read-check.R" "$root/build/$package.Rcheck/00check.log"
then
  ok "R CMD check --as-cran"
else
  not_ok "R CMD check --as-cran (see build/$package.Rcheck)"
fi

mkdir fresh
if R_LIBS=$work/fresh:$R_LIBS Rscript -e '
  tarball <- commandArgs(TRUE)
  install.packages(tarball, lib = "fresh", repos = NULL, quiet = TRUE)
  name <- sub("_.*", "", tarball)
  library(name, character.only = TRUE, lib.loc = "fresh")
  path <- getNamespaceInfo(name, "path")
  stopifnot(dirname(path) == normalizePath("fresh"))
' "$tarball"; then
  ok "$tarball installs and loads"
else
  not_ok "$tarball installs and loads"
fi
