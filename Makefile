# The one door: `make help` lists what there is. PYTHON and VENV choose another interpreter and environment.

PYTHON ?= python3
VENV ?= .venv
FUZZ_SECONDS ?= 600
BIN := $(VENV)/bin
SOURCES := ../shared/intensity-sources
READY := $(VENV)/.ready

.DEFAULT_GOAL := help

.PHONY: help
help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(READY)  ## environment, build, record a real training, show what it cost
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[demo]'
	$(BIN)/pycarbon run --zone FRA -o .cache/train_digits.pcr -- $(BIN)/python examples/train_digits.py

.PHONY: test
test: $(READY) lint  ## environment, build, the whole suite: lint, types, units, sanitizers, end to end
	$(BIN)/pytest -n logical --dist loadfile --max-worker-restart 0

.PHONY: lint
lint: $(READY)  ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: build
build: $(READY)  ## environment and compiled core

.PHONY: bench
bench: $(READY)  ## speed, as ratios within one run
	$(BIN)/pytest bench --benchmark-only -s

.PHONY: curve
curve: $(READY)  ## measure what closer looks at edges cost, and draw it
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,picture]'
	$(BIN)/python bench/edge_curve.py

.PHONY: region-curves
region-curves: $(READY)  ## draw how exact the energy of a region is
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,picture]'
	$(BIN)/python bench/region_curves.py

.PHONY: marks
marks: $(READY)  ## a minute of 20 million marks a second: none may be lost
	$(BIN)/python bench/marks_rate.py --seconds 60

.PHONY: wraps
wraps: $(READY)  ## ten minutes of a counter that wraps ten times a second: nothing may be lost
	$(BIN)/python bench/wraps.py --minutes 10

.PHONY: fuzz
fuzz: $(READY)  ## look for run files that the reader cannot stand, for FUZZ_SECONDS; findings go to .cache/fuzz
	$(BIN)/python tests/fuzz/fuzz_run_file.py --seconds $(FUZZ_SECONDS) --seed $$$$ --out .cache/fuzz

.PHONY: tables
tables: $(READY)  ## rebuild the shipped tables from the raw public data
	$(BIN)/python intensity/build.py --sources $(SOURCES)

.PHONY: picture
picture: $(READY)  ## redraw the picture of the demo at the top of the README
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[demo,picture]'
	$(BIN)/python docs/pictures/draw_demo.py

.PHONY: pages
pages: $(READY)  ## redraw the pictures of the report and of the dashboard, in the system's Chromium
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	$(BIN)/python docs/pictures/draw_report.py
	$(BIN)/python docs/pictures/draw_dashboard.py
	$(BIN)/python docs/pictures/draw_dashboard_runs.py

.PHONY: clean
clean:  ## remove everything that was built
	rm -rf $(VENV) build dist *.egg-info .cache .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -f pycarbon/_native.c pycarbon/_marks.c pycarbon/_edges.c pycarbon/*.so pycarbon/*.so.1

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo 'pycarbon needs Python 3.10 or newer; type: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)'; exit 1; }
	@.ci/need $(PYTHON)
	@$(PYTHON) -m venv $(VENV)

$(READY): $(VENV)/bin/pip pyproject.toml setup.py $(wildcard csrc/*.c csrc/*.h) $(wildcard pycarbon/*.pyx pycarbon/*.pxd pycarbon/include/*.h)
	@echo 'environment and build: a minute or two the first time'
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@
