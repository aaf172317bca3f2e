# Every target runs in .venv, which `make install` makes from the exact versions in constraints.txt.

PYTHON ?= python3
BIN = .venv/bin
STAMP = .venv/.installed

help: ## list the targets (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "make install PYTHON=python3.12 picks the Python (3.10 to 3.13) for a new .venv; now: $(PYTHON)."

install: $(STAMP) ## make .venv with everything pinned; does nothing when it is up to date

install-pytorch: $(STAMP) ## PyTorch besides, to read its files
	$(BIN)/python -m pip install -qq -c constraints.txt -e '.[pytorch]'

install-openvino: $(STAMP) ## OpenVINO besides, which Intel's compiler for neural processors is part of
	$(BIN)/python -m pip install -qq -c constraints.txt -e '.[openvino]'

install-mediapipe: $(STAMP) ## MediaPipe besides, in an environment of its own, for the tests of models in it
	$(BIN)/python -m venv .venv/mediapipe
	.venv/mediapipe/bin/python -m pip install -qq mediapipe==1.2.3

quickstart: $(STAMP) ## the whole pipeline on a small data set, into runs/quickstart
	$(BIN)/python tools/quickstart.py --flagfile=flags/quickstart.cfg --workdir=runs/quickstart

test: $(STAMP) ## the tests, in two processes, with coverage of ofa_tf (the required share stands in pyproject.toml)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not long" --cov --cov-report=term-missing:skip-covered --durations=15

test-long: $(STAMP) ## what `make test` leaves out for its time: more spaces beside the reference, killed runs, whole pipelines
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m long --durations=25

test-fast: $(STAMP) ## `make test` without the slow tests and without coverage
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not long"

lint: $(STAMP) ## ruff (rules and formatting), mypy, and the order of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

docs: $(STAMP) ## the documents as a site, in docs/_build/html; every warning is an error
	$(BIN)/python -m sphinx -W --keep-going -q -b html -c docs -d docs/_build/doctrees . docs/_build/html
	@echo "written to docs/_build/html/index.html"

docs-notebook: $(STAMP) ## run the notebook on runs/quickstart and store what it shows
	$(BIN)/python -m tests.support.notebook docs/notebooks/tour.ipynb

docs-commands: $(STAMP) ## run every command of README.md and docs/, in a scratch copy; half an hour
	$(BIN)/python -m tests.support.run_documents

results: $(STAMP) ## the paper's claims on CIFAR-10 into runs/results; hours, goes on where it was stopped
	$(BIN)/python tools/results.py --workdir=runs/results

bench: $(STAMP) ## training throughput on this machine
	$(BIN)/python tools/bench_training.py

bench-gpu: $(STAMP) ## training throughput on a GPU: two precisions, one subnet a step and four with a teacher
	for precision in none bfloat16; do \
	    $(BIN)/python tools/bench_training.py --shapes=64x224,256x224 --ways=random --mixed_precision=$$precision || exit; \
	    $(BIN)/python tools/bench_training.py --shapes=64x224,256x224 --ways=random --mixed_precision=$$precision \
	        --num_subnets=4 --teacher || exit; \
	done

bench-export: $(STAMP) ## what each rewrite of an exported network gains on this machine
	$(BIN)/python tools/bench_export.py

clean: ## remove build output and caches; keeps .venv and runs/
	rm -rf build dist docs/_build ofa_tf.egg-info .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find ofa_tf tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

# An existing .venv keeps its Python. One whose pip does not run (an interrupted install, a removed Python) is made anew.
$(STAMP): setup.py pyproject.toml constraints.txt
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	    $(PYTHON) -c 'import sys' 2>/dev/null || { \
	        echo "error: Expected PYTHON to run Python 3.10 to 3.13. Received: PYTHON=$(PYTHON)," \
	            "which does not run. Try: make install PYTHON=python3.11" >&2; exit 1; }; \
	    $(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || { \
	        echo "error: Expected PYTHON to be Python 3.10 to 3.13. Received: PYTHON=$(PYTHON)," \
	            "which is $$($(PYTHON) --version 2>&1). Try: make install PYTHON=python3.11" >&2; exit 1; }; \
	    echo "Making .venv with $$($(PYTHON) --version)"; \
	    $(PYTHON) -m venv --clear .venv; \
	fi
	@echo "Installing the versions in constraints.txt into .venv (2.8 GB; a minute or two plus the download)"
	@$(BIN)/python -m pip install -qq -c constraints.txt pip setuptools wheel
	@$(BIN)/python -m pip install -qq -c constraints.txt --build-constraint constraints.txt -e '.[dev]'
	@touch $(STAMP)
	@echo "Installed into .venv"

.PHONY: help install install-pytorch install-openvino install-mediapipe quickstart test test-long test-fast lint docs docs-notebook docs-commands results bench \
    bench-gpu bench-export clean
