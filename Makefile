# The project's commands; `make help` lists them.

.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

# The project's own library comes first; the user's are read, never written to.
user_libs := $(R_LIBS)
export R_LIBS := $(CURDIR)/build/library$(if $(user_libs),:$(user_libs))

# The installed package is as new as its sources, or is installed again. The
# folders are listed because a file may also vanish.
installed := build/library/timetounsafe/DESCRIPTION
sources := DESCRIPTION NAMESPACE R src src/core \
  $(wildcard R/*.R src/*.[ch] src/core/*.[ch] src/Makevars data/*) \
  $(shell find inst -type f 2>/dev/null)

.PHONY: help demo paper study live test install build check test-core test-r \
  docs layers tables readme bench valgrind clean setup-demo setup-paper \
  setup-live setup-test

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' \
	  Makefile

demo: setup-demo build ## audit a word model of Jane Austen's novels, start to end
	@Rscript inst/austen/demo.R build/demo

paper: setup-paper build ## reproduce the paper's synthetic study, beside its numbers
	@Rscript inst/experiments/paper.R build/paper

study: setup-paper build ## the paper's experiment on a real model's recorded draws
	@mkdir -p build/study
	@Rscript bench/study.R 8 2 build/study
	@Rscript bench/judges.R build/study

live: setup-live build ## audit a real language model, with a kill in the middle
	@Rscript bench/live/live.R
	@Rscript tools/tables.R --write

test: ## run every test and check, closing with their count
	@tools/test.sh

install: setup-demo ## install the package into your default R library
	R_LIBS="$(user_libs)" R CMD INSTALL --preclean --clean .

check: ## R CMD build and R CMD check --as-cran
	@tools/test.sh setup package

test-core: ## test the C core alone, under sanitizers; needs no R
	@tools/test.sh core

test-r: ## run the testthat suite
	@tools/test.sh setup build r

docs: setup-test ## write NAMESPACE and man/ from the comments in R/
	@Rscript tools/docs.R

layers: ## write the table and the picture of ARCHITECTURE.md (needs Graphviz)
	@Rscript tools/layers.R --write

tables: ## copy the tables of bench/ (and of `make paper`) to the vignettes
	@Rscript tools/tables.R --write

readme: build ## write what the README's example prints, and its picture
	@Rscript tools/readme.R --write

bench: setup-test build ## run the benchmarks, and copy their tables
	@set -e; for script in bench/*.R; do \
	  echo "== $$script"; Rscript "$$script"; done
	@Rscript tools/tables.R --write

valgrind: ## test the C core alone, under valgrind
	@tools/setup.sh valgrind
	@tools/test.sh valgrind

clean: ## remove all that was built
	@rm -rf build timetounsafe.Rcheck timetounsafe_*.tar.gz

setup-demo:
	@tools/setup.sh demo

setup-paper:
	@tools/setup.sh paper

setup-live:
	@tools/setup.sh live

setup-test:
	@tools/setup.sh test

build: $(installed)

$(installed): $(sources)
	@echo "installing the package into build/library"
	@mkdir -p build/library
	@MAKEFLAGS=-j2 R CMD INSTALL --preclean --clean --no-test-load \
	  --library=build/library . >build/install.log 2>&1 || \
	  { cat build/install.log >&2; exit 1; }
	@touch $@
