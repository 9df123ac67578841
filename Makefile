# Every task of the repository. Each sets up the environment first, so on a fresh machine `make test` is all there is.

# The variables, given as `make setup TORCH=cuda`; `make help` prints the lines that begin with #:
#: PYTHON   the interpreter; if none is named: python3.12, else python3.11
#: VENV     the folder of the environment: .venv
#: TORCH    auto takes the CPU build where no NVIDIA driver is found; cpu and cuda choose
#: EXTRAS   what is installed beside the product: dev; for example EXTRAS=dev,insightface
#: WORKERS  processes that run the tests: 2
#: DATA     for make embedded: the folder with lfw/ and celeba/
#: ARGS     handed on to the command, for example make test ARGS='-k align'
PYTHON  ?=
VENV    ?= .venv
TORCH   ?= auto
EXTRAS  ?= dev
WORKERS ?= 2
DATA    ?=
ARGS    ?=

CPU_INDEX := https://download.pytorch.org/whl/cpu
BIN  := $(VENV)/bin
DONE := $(VENV)/.setup-done

# Idle threads sleep instead of spinning: with two pools on one core, spinning was measured ten times slower.
export OMP_WAIT_POLICY ?= PASSIVE

.DEFAULT_GOAL := help
.PHONY: help setup lint types test test-slow bench demo embedded clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile
	@echo && sed -n 's/^#: /  /p' Makefile

setup: $(DONE) ## make the environment; skipped while pyproject.toml is unchanged

lint: $(DONE) ## style, format, and the floors of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -q tests/test_floors.py

types: $(DONE) ## mypy, strict
	$(BIN)/mypy

test: $(DONE) ## the tests that take seconds
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

test-slow: $(DONE) ## full-size models and whole processes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "slow and not gpu" $(ARGS)

bench: $(DONE) ## seconds and memory of a training step, beside its floor
	$(BIN)/python -m ldm study bench $(ARGS)
	$(BIN)/python -m ldm study bench-faces $(ARGS)

demo: $(DONE) ## the main job on two real people: outputs/demo/index.html
	$(BIN)/python -m evaluation.demo $(ARGS)

embedded: $(DONE) ## train weights/embedded again, from the data to the folder
	$(BIN)/python -m ldm prepare embedded $(DATA) $(ARGS)

clean: ## remove the environment and all caches; logs, outputs and weights stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# A build of torch without CUDA is a tenth of the download. A wheel that lies where pip looks for files (find-links)
# comes first, then PyTorch's own index, if it answers; PyPI has the CUDA build only.
$(DONE): pyproject.toml
	@set -e; \
	fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))'; \
	for python in $(or $(PYTHON),python3.12 python3.11 python3) none; do \
		$$python -c "$$fits" 2>/dev/null && break || true; \
	done; \
	if [ $$python = none ]; then \
		echo "Python 3.11 or 3.12 is needed, and $(or $(PYTHON),python3.12 and python3.11) cannot be run." \
			"Install one, or name it: make setup PYTHON=/path/to/python3.12" >&2; exit 1; \
	fi; \
	case $(TORCH) in auto|cpu|cuda) ;; *) echo "TORCH=$(TORCH): auto, cpu or cuda is wanted" >&2; exit 1;; esac; \
	started=$$(date +%s); \
	echo "setup: $$($$python --version) in $(VENV), about 120 packages: a few minutes"; \
	test -x $(BIN)/python || $$python -m venv $(VENV); \
	pip="$(BIN)/python -m pip install -qq --disable-pip-version-check"; \
	torch=$$($(BIN)/python -c "import tomllib; \
		print(next(d for d in tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'] if d.startswith('torch>')))"); \
	if [ $(TORCH) = cuda ] || { [ $(TORCH) = auto ] && nvidia-smi >/dev/null 2>&1; } || [ "$$(uname)" != Linux ]; then \
		echo "setup: torch as PyPI has it"; \
	elif $$pip --no-index --no-deps "$$torch" 2>/dev/null; then \
		echo "setup: torch from this machine, no download"; \
	elif $(BIN)/python -c "import urllib.request; urllib.request.urlopen('$(CPU_INDEX)/torch/', timeout=5)" 2>/dev/null; then \
		echo "setup: torch, the CPU build"; $$pip "$$torch" --index-url $(CPU_INDEX); \
	else \
		echo "setup: $(CPU_INDEX) does not answer: PyPI's torch is taken, with CUDA (gigabytes)"; \
	fi; \
	$$pip -e '.[$(EXTRAS)]'; \
	echo $$(($$(date +%s) - started)) > $(DONE)
