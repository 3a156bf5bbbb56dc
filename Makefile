# The two commands of the README: `make demo` and `make test`. Everything they install goes into .venv.
#   PYTHON   the interpreter that .venv is made with            make demo PYTHON=python3.12
#   VENV     another folder than .venv                          make check PYTHON=python3.13 VENV=.venv-3.13
#   PORT     where the demo listens                             make demo PORT=8001
#   PIP      more options for pip, such as a CPU build of torch (see the README)

PYTHON ?= python3
VENV ?= .venv
VLLM ?= .venv-vllm
PORT ?= 8000
PIP ?=
# the environment whose packages mypy reads: one with torch, where VENV has none
TYPES ?= $(VENV)

BIN := $(VENV)/bin
STUDY := love_vs_hate
# Installed tools work offline, and torch's idle threads sleep, which matters where cores are few.
export HF_HUB_OFFLINE := 1
export OMP_WAIT_POLICY := PASSIVE
export OPENBLAS_NUM_THREADS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export VENV

.DEFAULT_GOAL := help
.PHONY: help demo fresh-demo dev test test-slow test-vllm test-without-torch check terms format docs docs-serve reference messages \
	model chromium servers clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 20

demo: $(VENV)/.generate model ## From nothing to a page you can rate on
	@$(BIN)/rater generate experiments/$(STUDY).py >/dev/null
	@$(BIN)/rater publish $(STUDY) --acknowledge-confounds >/dev/null
	@echo "A result from your own ratings, in another terminal: $(BIN)/rater analyze $(STUDY) --interim"
	@exec $(BIN)/rater serve $(STUDY) --port $(PORT)

fresh-demo: ## Move all databases aside (none is deleted), and start the demo over
	@if [ -e rater-data ]; then aside=rater-data.$$(date +%Y%m%d-%H%M%S) && mv rater-data $$aside && \
		echo "All that was in rater-data, your own studies too, is in $$aside now." >&2; fi
	@$(MAKE) --no-print-directory demo

dev: $(VENV)/.dev model chromium servers ## Install everything for development

test: $(VENV)/.dev model chromium servers ## Install what the tests need, and run all but the slow ones
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow and not vllm" -n auto --dist loadfile

test-slow: $(VENV)/.dev model chromium servers ## Run the slow tests
	@$(BIN)/python -m pytest -m "slow and not vllm"

test-vllm: $(VLLM)/.vllm ## Install vLLM into .venv-vllm, and run the tests of its engine
	@$(VLLM)/bin/rater model install >/dev/null
	@OMP_NUM_THREADS=1 $(VLLM)/bin/python -m pytest -m vllm -W default tests/generate/engines

test-without-torch: $(VENV)/.tools chromium servers ## Run the tests that need no torch; the others are listed
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -p tests.without_torch -m "not slow and not vllm" -n auto --dist loadfile

check: $(TYPES)/.dev $(VENV)/.tools ## Format, lint, types, import rules, spelling
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --python-executable $(TYPES)/bin/python \
		--python-version $$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/djlint --check --lint --quiet rater/web/templates rater/explore/templates
	@$(BIN)/codespell
	@$(BIN)/python tools/check_terms.py

terms: $(VENV)/.tools ## Check the words against tools/terms.toml
	@$(BIN)/python tools/check_terms.py

format: $(VENV)/.tools ## Put the code into its format
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/djlint --reformat --quiet rater/web/templates rater/explore/templates || true

docs: reference ## Build the documentation into site/; a broken link is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "Open site/index.html"

docs-serve: $(VENV)/.dev ## Show the documentation, and build it again when a page changes
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --dev-addr 127.0.0.1:$(PORT)

reference: $(VENV)/.dev ## Write the reference pages and the figure of the layers from the code
	@$(BIN)/python tools/make_reference.py
	@$(BIN)/python tools/draw_layers.py

messages: $(VENV)/.dev ## Bring the raters' pages' translations up to date
	@mkdir -p .cache
	@$(BIN)/pybabel -q extract -F rater/web/translations/babel.cfg -k marked --no-location --sort-output -o .cache/messages.pot .
	@$(BIN)/pybabel -q update -i .cache/messages.pot -d rater/web/translations -N --ignore-pot-creation-date --no-wrap
	@sed -i.bak -E '/^"(Project-Id|Report-Msgid|POT-Creation|PO-Revision|Last-Translator|Language-Team|Generated-By)/d' \
		rater/web/translations/*/LC_MESSAGES/*.po && rm rater/web/translations/*/LC_MESSAGES/*.bak
	@$(BIN)/pybabel -q compile -d rater/web/translations

model: $(VENV)/.generate
	@$(BIN)/rater model install >/dev/null

chromium: $(VENV)/.tools
	@./tests/browser/install-chromium.sh $(BIN)/python

servers:
	@./tests/serving/install-servers.sh

clean: ## Remove .venv; databases stay
	@rm -rf .venv
	@if [ -e rater-data ]; then echo "rater-data stays: studies and raters' answers are in it." >&2; fi

$(VENV)/.made:
	@./install.sh venv $(PYTHON)

$(VENV)/.generate: $(VENV)/.made pyproject.toml constraints.txt
	@./install.sh generate $(PIP)

$(VENV)/.dev: $(VENV)/.made pyproject.toml constraints.txt
	@./install.sh dev $(PIP)

$(VLLM)/.vllm: install.sh
	@VENV=$(VLLM) ./install.sh vllm $(PYTHON) $(PIP)

$(VENV)/.tools: $(VENV)/.made pyproject.toml constraints.txt
	@./install.sh tools $(PIP)
