# `make` lists the targets. `make lab` and `make test` set up what they need by themselves.
#
# Works with GNU Make 3.81 (macOS) and later. Variables to set on the command line:
#   PYTHON=python3.11      the interpreter of a new virtual environment
#   LAB_FLAGS=--port=9000  passed on to JupyterLab
#   SITE_FLAGS=--cdn       passed on to the builder of the site
#   PYTEST_FLAGS="-k codec" passed on to pytest
#   JOBS=2                  processes of the tests without a browser
#   BENCH_FLAGS="--rows gemm" passed on to the benchmark of the kernels

SHELL := /bin/sh
.SUFFIXES:
.DEFAULT_GOAL := help
.PHONY: help lab lab-kernels site site-open test test-slow test-gpu bench bench-kernels bench-web prove grade-selftest grade-abuse grade-scale lint format clean

VENV := .venv
PY := $(VENV)/bin/python
PYTHON ?=
LAB_FLAGS ?=
SITE_FLAGS ?=
PYTEST_FLAGS ?=
JOBS ?= auto
BENCH_FLAGS ?=

help: ## list the targets (default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

# ---------------------------------------------------------------- the environment
# Each candidate is run, not looked up: a shim of a version manager may be on the PATH and
# still fail. Python 3.13 comes first because environment.yml has it; the pinned torch of
# `make test` has wheels for all four.
PYTHONS := $(if $(PYTHON),$(PYTHON),python3.13 python3.12 python3.11 python3.14 python3)
SUITABLE := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))

# A stamp is written last, so a step that failed is tried again by the next `make`.
$(VENV)/.created:
	@for python in $(PYTHONS); do \
	  if $$python -c '$(SUITABLE)' >/dev/null 2>&1; then \
	    echo "fp8lab: making $(VENV) with $$($$python -V)"; \
	    $$python -m venv $(VENV) || exit 1; \
	    touch $@; exit 0; \
	  fi; \
	done; \
	echo "fp8lab: none of [$(PYTHONS)] runs as Python 3.11 to 3.14 with venv and ensurepip." >&2; \
	echo "Install one (Debian, Ubuntu: apt-get install python3 python3-venv) or name one: make PYTHON=/path/to/python" >&2; \
	exit 1

PIP = $(PY) -m pip --disable-pip-version-check install --quiet
# The GPU packages weigh gigabytes: only where a driver lists a GPU.
GPU = $(shell nvidia-smi -L 2>/dev/null | grep -q '^GPU' && echo ,gpu)
LAB_EXTRAS = notebook,model$(GPU)
# A learner's first page is the lesson, without a question about news in its corner.
OVERRIDES := $(VENV)/share/jupyter/lab/settings/overrides.json
NO_NEWS := {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
SILENCE = mkdir -p $(dir $(OVERRIDES)) && echo '$(NO_NEWS)' > $(OVERRIDES)

$(VENV)/.lab: pyproject.toml $(VENV)/.created
	@echo "fp8lab: installing JupyterLab and the lab (once; about a minute)"
	@$(PIP) -e '.[$(LAB_EXTRAS)]'
	@$(SILENCE)
	@touch $@

$(VENV)/.web: pyproject.toml $(VENV)/.created
	@echo "fp8lab: installing the builder of the site (once)"
	@$(PIP) -e '.[web]'
	@touch $@

# torch is named first and exactly: it is the CPU oracle that the tests were written for,
# and a build machine may hold a CPU wheel of just this version on its disk, where any
# other spelling would fetch gigabytes of CUDA libraries.
$(VENV)/.test: pyproject.toml tests/browser/chromium.py tests/grading/bubblewrap.py $(VENV)/.created
	@echo "fp8lab: installing the lab, the oracles and the test tools (once; some minutes)"
	@$(PIP) 'torch==2.13.0'
	@$(PIP) -e '.[dev,web,grade,dask,$(LAB_EXTRAS)]'
	@$(SILENCE)
	@$(PY) tests/browser/chromium.py --install
	@$(PY) tests/grading/bubblewrap.py --install
	@touch $(VENV)/.lab $(VENV)/.kernels $(VENV)/.web $@

# ---------------------------------------------------------------- the lab
LESSON := lessons/00-start-here.ipynb
# JupyterLab opens a browser on the first lesson; without a screen it prints the address.
SCREEN = $(shell [ "$$(uname)" = Darwin ] || [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || echo --no-browser)
ROOT = $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)

# Widgets answer the mouse without waiting for the network (fp8lab/jupyter.py says why).
PROMPT := --ServerApp.kernel_websocket_connection_class=fp8lab.jupyter.PromptConnection

lab: $(VENV)/.lab ## set up and open JupyterLab on the first lesson
	@exec $(PY) -m jupyterlab --LabApp.default_url=/lab/tree/$(LESSON) $(PROMPT) $(SCREEN) $(ROOT) $(LAB_FLAGS)

# Apart from `make lab`: with CUDA, which pip takes on most machines, it is gigabytes.
$(VENV)/.kernels: pyproject.toml $(VENV)/.lab
	@echo "fp8lab: installing PyTorch and Triton (once)"
	@$(PIP) -e '.[gpu]'
	@touch $@

lab-kernels: $(VENV)/.kernels lab ## the same with PyTorch and Triton, as labs 4 and 5 need

# ---------------------------------------------------------------- the site
site: $(VENV)/.web ## build the web page, with the lessons in the browser, in web/dist
	@$(PY) -m web.build $(SITE_FLAGS)

site-open: site ## build the site, serve it on this machine and open it
	@exec $(PY) -m web.serve $(SCREEN)

# ---------------------------------------------------------------- the checks
# pytest ends with 5 where it chose no test, as one of two runs may under PYTEST_FLAGS.
OR_NONE_CHOSEN = || { [ $$? -eq 5 ] && [ -n "$(strip $(subst ",,$(PYTEST_FLAGS)))" ]; }

# A browser is slow on a busy machine: its tests come apart, one after the other.
test: lint ## set up, check style and types, run the tests, the browser included
	@$(PY) -m pytest -n $(JOBS) --dist loadfile -m 'not slow and not gpu and not browser' $(PYTEST_FLAGS) $(OR_NONE_CHOSEN)
	@$(PY) -m pytest -m 'browser and not slow' $(PYTEST_FLAGS) $(OR_NONE_CHOSEN)

test-slow: $(VENV)/.test ## run the long sweeps
	@$(PY) -m pytest -m slow $(PYTEST_FLAGS)

LABS_OF_KERNELS = $(wildcard tests/labs/test_lab[45].py tests/labs/test_triton_*.py)

test-gpu: $(VENV)/.test ## run the kernels' tests on a Hopper GPU
	@$(PY) -m pytest tests/kernels tests/gpu $(LABS_OF_KERNELS) $(PYTEST_FLAGS)

bench: $(VENV)/.test ## measure the codec against ml_dtypes, torch and gfloat
	@$(PY) -m fp8lab.bench codec

bench-kernels: $(VENV)/.test ## measure the kernels on a Hopper GPU
	@$(PY) -m fp8lab.bench kernels $(BENCH_FLAGS)

bench-web: $(VENV)/.test ## measure the page and the lessons in Chromium
	@$(PY) -m web.build >/dev/null
	@$(PY) -m web.bench

prove: $(VENV)/.test ## compare all 2^32 float32 patterns with the oracles
	@$(PY) -m fp8lab prove

grade-selftest: $(VENV)/.test ## test the graders of the labs: right answers, stubs, known mistakes
	@$(PY) -m fp8lab.grading.selftest

grade-abuse: $(VENV)/.test ## try to cheat and to harm the grader
	@$(PY) -m pytest tests/grading/test_abuse.py $(PYTEST_FLAGS)

grade-scale: $(VENV)/.test ## grade 200 synthetic submissions and measure
	@$(PY) -m fp8lab.grading.scale --students 200

lint: $(VENV)/.test ## check style and types
	@$(PY) -m ruff check --quiet
	@$(PY) -m ruff format --check --quiet
	@$(PY) -m mypy --no-error-summary

format: $(VENV)/.test ## format the code and strip the outputs of the lessons
	@$(PY) -m ruff check --fix --quiet
	@$(PY) -m ruff format --quiet
	@$(PY) -m jupyter nbconvert --clear-output --inplace --log-level=WARN lessons/*.ipynb labs/source/*/*.ipynb

clean: ## remove the virtual environment and every cache
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
	rm -rf tests/browser/screenshots web/dist web/.dist-* web/.cache
	find fp8lab tests web -name __pycache__ -type d -prune -exec rm -rf {} +
