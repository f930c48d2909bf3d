# closeloop: everything that people and machines run. Bare `make` lists the targets.
.DEFAULT_GOAL := help
UV_VERSION := 0.13.9
UV := $(or $(shell command -v uv 2>/dev/null),.tools/bin/uv)
RUN := $(UV) run --frozen --no-sync
READY := .venv/.ready
# Compiled modules make every notebook start sooner.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help weekly test check lint types lab demo lock bench clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

weekly: $(READY)  ## set up, then make the newest complete week's report of the demo merchant
	@$(RUN) closeloop weekly

test: $(READY)  ## set up, then run every test (make test ARGS="tests/test_cube.py" for some)
	@$(RUN) pytest $(or $(ARGS),--numprocesses auto --maxprocesses 4 --dist loadscope)

check: lint types  ## lint and type-check

lint: $(READY)
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) nbstripout --verify notebooks/*.ipynb

types: $(READY)
	@$(RUN) pyright

lab: $(READY)  ## set up, then open JupyterLab on the notebooks
	@$(RUN) closeloop lab

demo: $(READY)  ## write the demo merchant's export files into .closeloop/demo
	@$(RUN) closeloop demo .closeloop/demo

lock: .tools/bin/uv  ## renew the lock from pyproject.toml, and what is made from it
	@$(UV) lock
	@$(UV) export --frozen --quiet --no-hashes --no-emit-project --no-default-groups -o requirements.lock

bench: $(READY)  ## run every benchmark and write benchmarks/RESULTS.md (hours; make bench ARGS="report" for one)
	@PYTHONPATH=. $(RUN) python benchmarks/all.py $(ARGS)

clean:  ## remove what can be made again; reports stay
	rm -rf .venv .tools .closeloop .pytest_cache .ruff_cache .hypothesis

$(READY): pyproject.toml uv.lock | $(filter .tools/%,$(UV))
	@$(UV) sync --frozen --quiet
	@touch $@

.tools/bin/uv:
	@python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .tools uv==$(UV_VERSION)
