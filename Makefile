# Every target installs what it needs into .venv by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Tests start some hundred processes: without bytecode each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo test coverage watch faults check bench clean
install: $(STAMP)

# uv where it is there (seconds), pip otherwise (a minute): the same locked, hash-checked versions.
$(STAMP): pyproject.toml requirements.lock
	@echo "installing into $(VENV): a minute or two at the first time" >&2
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) $(VENV) && \
	  uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock && \
	  uv pip install --quiet --python $(BIN)/python --no-deps --editable . ; \
	else \
	  $(PYTHON) -m venv $(VENV) && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable . ; \
	fi
	@touch $@

# What CI runs: format, lint, types, import rules, schemas; nothing is modified.
check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_packaging.py
	$(BIN)/histoire schemas check

# SEED=n repeats a run; ONLY chooses (a folder, a file, or words for -k: ONLY="races or letters").
SEEDED := $(if $(SEED),--seed $(SEED))
CHOSEN = $(if $(filter tests,$(firstword $(subst /, ,$(ONLY)))),$(ONLY),-k "$(ONLY)")

# Tests run side by side, since most of what takes long waits for processes. The slowest are named.
# WORKERS=0 runs one after the other.
WORKERS ?= 4
SIDE_BY_SIDE := -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=20

test: $(STAMP)
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(SEEDED) $(if $(ONLY),$(CHOSEN))

# The same, and which lines and branches of ingest and schemas they run (processes they start do not count).
coverage: $(STAMP)
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(SEEDED) $(if $(ONLY),$(CHOSEN)) --cov --cov-report=term

# Runs the tests of a room whenever a file of the room, or of its tests, is saved.
watch: $(STAMP)
	$(BIN)/python -m tests.watch

# Every other crash point, fault and planted bug, on both feeds (half an hour on two cores): tables at the end.
faults: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations=20 tests/system -m faults $(SEEDED)

# The whole path on one machine; KAFKA=1 runs it over a Kafka broker on the JVM.
demo: $(STAMP)
	$(BIN)/python -m deploy.demo $(if $(KAFKA),--kafka)

bench: $(STAMP)
	$(BIN)/python -m benchmarks

clean:
	-@if [ -x $(BIN)/histoire ]; then $(BIN)/histoire broker stop; $(BIN)/histoire database stop; fi >/dev/null 2>&1
	rm -rf $(VENV) .histoire .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info build
