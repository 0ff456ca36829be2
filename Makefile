# `make` lists what there is. Everything happens in .venv; nothing is installed elsewhere.

PYTHON ?= python3
VENV ?= .venv
DOCS ?= sample_docs
# An index belongs to one folder: each other folder gets one of its own, named after it.
INDEX ?= $(if $(filter sample_docs,$(DOCS)),index,index-$(shell basename "$(DOCS)"))
PORT ?= 8501
# Tests that run side by side, each with one thread for its computing.
JOBS ?= 2

PY := $(VENV)/bin/python
GPU := $(shell nvidia-smi -L >/dev/null 2>&1 && echo gpu)
FAISS := $(if $(GPU),gpu,cpu)
comma := ,
CPU_WHEELS := https://download.pytorch.org/whl/cpu

.DEFAULT_GOAL := help
.PHONY: help run test check lint fix bench clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/ready ## Index a folder and open the page: make run DOCS=./docs
	$(PY) -m indexer build "$(DOCS)" --index "$(INDEX)"
	$(PY) -m app --index "$(INDEX)" --port $(PORT)

test: $(VENV)/ready-for-tests ## Run the tests
	OMP_NUM_THREADS=1 $(PY) -m pytest -n $(JOBS) --dist worksteal

check: lint test ## Format, lint, types and tests: what a change must pass

lint: $(VENV)/ready-for-tests ## Check format, lint and types
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy

fix: $(VENV)/ready-for-tests ## Format, and mend what can be mended
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

bench: $(VENV)/ready-for-tests ## Measure encoder and search on this machine
	$(PY) benchmarks/encoder_throughput.py
	$(PY) benchmarks/search_latency.py

clean: ## Remove the environment and the index
	rm -rf $(VENV) "$(INDEX)"

# Without an NVIDIA driver PyTorch's CUDA build would be gigabytes of download for nothing; the CPU
# build comes from an index of its own, where that can be reached, and else from wherever pip looks.
define INSTALL
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
  echo 'Python 3.11 or newer is needed. If it has another name: make $(MAKECMDGOALS) PYTHON=python3.12'; exit 1; }
@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
  echo 'Python cannot make virtual environments here. On Debian or Ubuntu: sudo apt install python3-venv'; exit 1; }
@test -x $(PY) || $(PYTHON) -m venv $(VENV)
@echo 'Installing into $(VENV): about 550 MB to download without a GPU, a few minutes.'
@if test -z '$(GPU)' && $(PY) -c 'import urllib.request as u; u.urlopen("$(CPU_WHEELS)/torch/", timeout=5)' 2>/dev/null; \
  then index='--extra-index-url $(CPU_WHEELS)'; fi; \
  $(PY) -m pip install --quiet --disable-pip-version-check $$index -c constraints.txt -e '.[$(1)]'
@touch $@
endef

$(VENV)/ready: pyproject.toml constraints.txt
	$(call INSTALL,$(FAISS))

$(VENV)/ready-for-tests: pyproject.toml constraints.txt
	$(call INSTALL,$(FAISS)$(comma)dev)
