# Everything a person types: make run, make test. The rest serves these two.

PYTHON ?= python3
BIN := .venv/bin
INSTALL = sh requirements/install.sh
DOCS ?= samples/ravensport
# Compiled code is kept beside the packages, out of the checkout: compiling them anew doubles what every process takes to start.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX ?= $(CURDIR)/.venv/compiled

.PHONY: venv run test proofs lint bench docs supabase lock clean

venv: .venv/.ready

.venv/.ready: requirements/lock.txt requirements/weights.txt requirements/install.sh pyproject.toml
	$(INSTALL) $(PYTHON)
	@touch $@

.venv/.ready-dev: .venv/.ready requirements/dev.txt
	$(INSTALL) $(PYTHON) dev
	@touch $@

run: .venv/.ready
	@$(BIN)/nlp-pipeline run "$(DOCS)" $(if $(OUT),--out "$(OUT)")

# In lanes, each with servers of its own: tests of the chain wait more than they work. The longest files first.
LANES ?= 4
test: .venv/.ready-dev
	$(BIN)/python -m pytest -q --durations=20 -m "not proof" -n $(LANES) --dist loadfile --no-loadscope-reorder \
		tests/acceptance tests/web tests/integration tests/faults tests/contract tests/api tests/unit

# Each single fault at each single point, each kind of damage to the graph: an hour or more.
proofs: .venv/.ready-dev
	$(BIN)/python -m pytest -q -m proof

lint: .venv/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: .venv/.ready-dev
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/scans.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/many_documents.py
	$(BIN)/python benchmarks/api.py
	$(BIN)/python benchmarks/migration.py
	$(BIN)/python benchmarks/soak.py

# Pages of docs/ as a site, to be opened at build/docs/index.html.
docs: .venv/.ready-dev
	$(BIN)/python -m sphinx -W -n -q --keep-going -b html -d build/doctrees docs build/docs

supabase: .venv/.ready-dev
	$(BIN)/nlp-pipeline migrate --write-supabase supabase

lock: .venv/.ready-dev
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--extra embedded --extra api --override requirements/overrides.txt -o requirements/lock.txt pyproject.toml
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--group dev -c requirements/lock.txt -o requirements/dev.txt

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache
