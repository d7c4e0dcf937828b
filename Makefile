# The front door: needs only Python 3.11 or later and make. Each target installs into .venv what it needs itself (.ci/environment),
# with uv, which it brings along where there is none. Another interpreter: make test PYTHON=python3.13
unexport PYTHONDONTWRITEBYTECODE  # what is imported is compiled once, not anew by each program
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
UV = $(shell command -v uv 2>/dev/null || echo $(VENV)/bin/uv)
NEEDS = @PYTHON='$(PYTHON)' GOAL='make $(MAKECMDGOALS)' .ci/environment
WORKERS := -n 3 --dist worksteal  # processes of pytest: one more than two cores, since tests wait for programs; a file's tests mostly together
BENCHMARKS := instructions hub blocked captured_print printed_lines live_page smoothness
FLIGHTS := examples/flights/flights-2013-01.csv examples/flights/flights-2013-02.csv examples/flights/flights-2013-03.csv

help:  ## show this
	@sed -n 's/^\([a-z-]*\):  ## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-24s %s\n", $$1, $$2 }'

.PHONY: help load test test-all test-faces test-interpreters test-connectors interleavings coverage mutants check docs picture bench bench-quick bench-pytest bench-compare demo constraints clean .venv/.ready
load:  ## load the sample into a local server, with a live bar for each phase that is at work
	$(NEEDS) load
	$(VENV)/bin/progresskit-snowflake load $(FLIGHTS) --table flights --embedded --null NA --pace 1MB
test:  ## the quick tests
	$(NEEDS) test
	$(PY) -m pytest $(WORKERS)
test-all:  ## all tests
	$(NEEDS) test
	$(PY) -m pytest -m ''
TESTS ?= --ignore=tests/adapters/snowflake
test-faces:  ## kernels, JupyterLab and JupyterLite in a browser, marimo and Pyodide, as far as they are here
	.ci/faces
test-interpreters:  ## the core's quick tests on every interpreter that is found, and those in PYTHONS="PATH ..."
	.ci/interpreters
test-connectors:  ## all tests of the Snowflake loader, with the newest connector 4.x and 5.x
	$(NEEDS) test
	.ci/connectors 4 5 -- -m ''
interleavings:  ## play a thousand interleavings of pools, executors, handles and ends: every count must be exact
	$(NEEDS) test
	PYTHONPATH=tests $(PY) -W ignore tests/hub/counting.py 100 900 fork
	PYTHONPATH=tests $(PY) -W ignore tests/hub/counting.py 0 120 forkserver
	PYTHONPATH=tests $(PY) -W ignore tests/hub/counting.py 0 80 spawn
coverage:  ## the quick tests but the loader's, and how much of the core they run
	$(NEEDS) test coverage
	$(VENV)/bin/coverage erase
	$(VENV)/bin/coverage run -m pytest $(TESTS)
	$(VENV)/bin/coverage combine -q
	$(VENV)/bin/coverage json -q -o .coverage.json
	$(PY) .ci/coverage.py .coverage.json
mutants:  ## change positions, estimates and the ansi renderer in a thousand ways: which changes no test sees
	$(NEEDS) test mutants
	rm -rf mutants
	$(VENV)/bin/mutmut run
	$(VENV)/bin/mutmut results
check:  ## lint, format, types, and what an index will show
	$(NEEDS) test check
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(PY) .ci/types
docs:  ## build the documentation, strictly
	$(NEEDS) core docs
	$(VENV)/bin/mkdocs build --strict -q
	! grep -q '<blockquote>' site/reference/index.html  # examples are code
picture:  ## make the pictures of bars anew
	$(NEEDS) test
	$(PY) docs/picture.py
	$(PY) docs/screens.py
demo:  ## what it looks like
	$(NEEDS) core
	$(VENV)/bin/progresskit demo
bench:  ## what it costs, beside the other libraries, and how good its estimates are: writes docs/benchmarks.md
	$(NEEDS) test bench
	@failed=; for each in $(BENCHMARKS); do echo "== $$each"; $(PY) benchmarks/$$each.py || failed="$$failed $$each"; done; \
	echo "== report"; $(PY) benchmarks/report.py --write || failed="$$failed report"; \
	if [ "$$failed" ]; then echo "benchmarks that fail:$$failed" >&2; exit 1; fi
bench-quick:  ## the same with fewer rounds, and nothing written
	$(NEEDS) test bench
	$(PY) benchmarks/report.py --quick
bench-pytest:  ## an item, an update: on pytest-benchmark
	$(NEEDS) test bench
	$(PY) -m pytest benchmarks --benchmark-only --benchmark-columns=min,median,iqr,rounds
bench-compare:  ## the same, beside the last commit for which it was run (kept in .benchmarks)
	$(NEEDS) test bench
	$(PY) -m pytest benchmarks -W default --benchmark-only --benchmark-autosave --benchmark-columns=min,median,iqr,rounds $(if $(wildcard .benchmarks/*/*.json),--benchmark-compare)
constraints:  ## refresh constraints.txt for every Python from 3.11.0 on: names and versions only
	$(NEEDS) core
	.ci/constraints --upgrade
.venv/.ready:  ## everything that contributors need
	$(NEEDS) test coverage check docs frozen

clean:  ## remove what the targets above have made
	rm -rf $(VENV) .venv-* site dist mutants
