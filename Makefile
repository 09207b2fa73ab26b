# make run    set everything up and serve Gazette with demo data on http://127.0.0.1:8501
# make setup  the same without the demo data
# make test   set everything up and run every check: format, lint, types, tests
# make lab    JupyterLab for editing the templates in notebooks/

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Imports cost half as much again without bytecode.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run setup test check lint types tests lab format benchmark constraints clean
.DEFAULT_GOAL := run

run: $(VENV)/.run
	$(BIN)/gazette demo

setup: $(VENV)/.run

test: $(VENV)/.test
	$(MAKE) --no-print-directory check

check: lint types tests

lint:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types:
	$(BIN)/mypy

# Three processes keep two cores busy: much of a test is waiting. What takes longest, acceptance, comes first.
tests:
	$(BIN)/python -m pytest -q --numprocesses 3 --dist loadscope --no-loadscope-reorder --durations 25 --durations-min 5

lab: $(VENV)/.lab
	$(BIN)/jupyter lab notebooks

format: $(VENV)/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmark: $(VENV)/.test
	$(BIN)/python -m benchmarks.throughput
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.scale
	$(BIN)/python -m benchmarks.forecast
	$(BIN)/python -m benchmarks.web

$(VENV)/bin/python:
	PYTHON=$(PYTHON) scripts/system_packages.sh run
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade pip

$(VENV)/.run: pyproject.toml constraints.txt scripts/system_packages.sh | $(VENV)/bin/python
	PYTHON=$(PYTHON) scripts/system_packages.sh run
	$(PIP) install -c constraints.txt -e '.[postgres]'
	$(BIN)/gazette browser
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt scripts/system_packages.sh | $(VENV)/bin/python
	PYTHON=$(PYTHON) scripts/system_packages.sh test
	$(PIP) install -c constraints.txt -e '.[postgres,test]'
	$(BIN)/gazette browser
	touch $@

$(VENV)/.lab: $(VENV)/.run
	$(PIP) install -c constraints.txt -e '.[authoring]'
	touch $@

# Renew the pins, extras included. Do it with the oldest Python that is supported (Debian 12: 3.11.2): newer ones pick
# packages that do not install there.
constraints: $(VENV)/.test
	$(PIP) install --upgrade -e '.[postgres,test,authoring]'
	$(BIN)/python -m pip freeze --exclude-editable | sort -f > constraints.txt

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
