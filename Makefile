# The front door: needs only Python 3.11 or later, git and make. Uses uv if it is there, else brings it into .venv.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
UV := $(shell command -v uv 2>/dev/null || echo $(VENV)/bin/uv)
DEV := pyte pytest pytest-timeout hypothesis mypy ruff wcwidth

.PHONY: test test-all check bench demo
$(VENV)/.ready: pyproject.toml constraints.txt $(wildcard adapters/*/pyproject.toml)
	$(PYTHON) -m venv $(VENV)
	@test -x "$(UV)" || $(PY) -m pip install -q uv
	$(UV) pip install -q -p $(PY) -c constraints.txt -e . $(foreach p,$(wildcard adapters/*/pyproject.toml),-e $(dir $(p))) $(DEV)
	@touch $@

test: $(VENV)/.ready  ## the quick tests
	$(PY) -m pytest
test-all: $(VENV)/.ready  ## all tests
	$(PY) -m pytest -m ''
check: $(VENV)/.ready  ## lint, format, types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
demo: $(VENV)/.ready  ## what it looks like
	$(VENV)/bin/progresskit demo
bench: $(VENV)/.ready  ## what it costs
	$(PY) benchmarks/overhead.py
