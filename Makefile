# The front door: needs only Python 3.11 or later, git and make. Uses uv if it is there, else brings it into .venv.
unexport PYTHONDONTWRITEBYTECODE  # what is imported is compiled once, not anew by each program
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
UV = $(shell command -v uv 2>/dev/null || echo $(VENV)/bin/uv)
PLAIN := -e . -e adapters/tqdm -e adapters/rich -e adapters/alive -e adapters/dask
ALL := $(PLAIN) -e adapters/snowflake[embedded]
DEV := coverage gevent joblib pyte pytest pytest-timeout hypothesis mypy ruff wcwidth mkdocs mkdocstrings[python]
BENCH := alive-progress atpbar enlighten matplotlib progressbar2 pytest-benchmark rich tqdm
FLIGHTS := examples/flights/flights-2013-01.csv examples/flights/flights-2013-02.csv examples/flights/flights-2013-03.csv

.PHONY: load test test-all test-connectors coverage mutants check docs picture bench bench-quick bench-pytest demo constraints clean
load: $(VENV)/.ready  ## load the sample into a local server, with a live bar for each phase that is at work
	$(VENV)/bin/progresskit-snowflake load $(FLIGHTS) --table flights --embedded --null NA --pace 1MB
test: $(VENV)/.ready  ## the quick tests
	$(PY) -m pytest
test-all: $(VENV)/.ready  ## all tests
	$(PY) -m pytest -m ''
LONG := --deselect tests/unit/test_tracker.py::test_none_of_ten_million_updates_from_eight_threads_is_lost
TESTS ?= --ignore=tests/adapters/snowflake $(LONG)
test-connectors: $(VENV)/.ready  ## all tests of the Snowflake loader, with the newest connector 4.x and 5.x
	.ci/connectors 4 5 -- -m ''
coverage: $(VENV)/.ready  ## the quick tests but the loader's, and how much of the core they run
	$(VENV)/bin/coverage erase
	$(VENV)/bin/coverage run -m pytest $(TESTS)
	$(VENV)/bin/coverage combine -q
	$(VENV)/bin/coverage json -q -o .coverage.json
	$(PY) .ci/coverage.py .coverage.json
mutants: $(VENV)/.ready  ## change positions, estimates and the ansi renderer in a thousand ways: which changes no test sees
	$(UV) pip install -q -p $(PY) -c constraints.txt mutmut
	rm -rf mutants
	$(VENV)/bin/mutmut run
	$(VENV)/bin/mutmut results
check: $(VENV)/.ready  ## lint, format, types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
docs: $(VENV)/.ready  ## build the documentation, strictly
	$(VENV)/bin/mkdocs build --strict -q
picture: $(VENV)/.ready  ## make the picture of the five bars anew
	$(PY) docs/picture.py
demo: $(VENV)/.ready  ## what it looks like
	$(VENV)/bin/progresskit demo
bench: $(VENV)/.bench  ## what it costs, beside the other libraries, and how good its estimates are: writes docs/benchmarks.md
	$(PY) benchmarks/instructions.py
	$(PY) benchmarks/hub.py
	$(PY) benchmarks/blocked.py
	$(PY) benchmarks/report.py --write
bench-quick: $(VENV)/.bench  ## the same with fewer rounds, and nothing written
	$(PY) benchmarks/report.py --quick
bench-pytest: $(VENV)/.bench  ## an item, an update: on pytest-benchmark
	$(PY) -m pytest benchmarks --benchmark-only --benchmark-columns=min,median,iqr,rounds
constraints: $(VENV)/.ready  ## refresh constraints.txt: names and versions only
	$(UV) pip install -q -p $(PY) --upgrade $(ALL) $(DEV) $(BENCH) mutmut
	$(UV) pip freeze -p $(PY) --exclude-editable | grep '==' > constraints.txt

clean:  ## remove what the targets above have made
	rm -rf $(VENV) .venv-* site dist mutants

$(VENV)/.ready: pyproject.toml constraints.txt $(wildcard adapters/*/pyproject.toml)
	$(PYTHON) -m venv $(VENV)
	@command -v uv >/dev/null || $(PY) -m pip install -q uv
	$(UV) pip install -q -p $(PY) -c constraints.txt $(ALL) $(DEV)
	@touch $@

$(VENV)/.bench: $(VENV)/.ready
	$(UV) pip install -q -p $(PY) -c constraints.txt $(BENCH)
	@touch $@
