# What can be done here; `make help` says it in short.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
BOOK_READY := .venv-book/ready
SITE := book/_build/html
CHINESE := book/_build/zh
# What comes last of both editions
BUILT := $(SITE)/zh/searchindex.js
SOURCES := $(shell find book -type f -not -path 'book/_build/*' -not -path \
	'book/runs/*' -not -path '*/.*' -not -path '*/__pycache__/*')
NOTEBOOKS := $(sort $(wildcard book/*.ipynb)) \
	$(wildcard book/solutions/*.ipynb)
TRAINING := book/07_training.ipynb
SCRIPTS := $(wildcard book/_extra/live/*.js)

.DEFAULT_GOAL := help
# A build that failed is not taken for done the next time
.DELETE_ON_ERROR:
.PHONY: help book install check test mutate mutants execute live wasm serve \
	clean

help: ## Say what each target does
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' \
		| awk -F '|' '{ printf "make %-9s %s\n", $$1, $$2 }'

# The notebooks are committed as they were run, so their HTML needs Jupyter
# Book alone, in an environment of its own: no PyTorch, seconds, not minutes
$(BOOK_READY): pyproject.toml
	$(call new_environment,.venv-book)
	$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", \
	"rb"))["project"]["optional-dependencies"]["book"], sep="\n")' \
		> .venv-book/requirements.txt
	.venv-book/bin/python -m pip install --requirement \
		.venv-book/requirements.txt
	@touch $@

$(READY): pyproject.toml
	$(call new_environment,.venv)
	$(BIN)/python -m pip install --editable '.[dev]'
	@touch $@

# $(1) is the folder of the environment
define new_environment
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v < (3, 15) \
		or sys.exit(f"Python 3.11 to 3.14 is needed, {sys.executable} is \
	{v[0]}.{v[1]}: make PYTHON=python3.12 ...")'
	@$(PYTHON) -c 'import ensurepip' || { echo "Python's venv is missing \
	(Debian: apt-get install python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(1)
endef

$(BUILT): $(BOOK_READY) $(SOURCES)
	$(call new_edition,book)
	.venv-book/bin/python book/zh/write.py
	$(call new_edition,$(CHINESE))
	rm -rf $(SITE)/zh
	mv $(CHINESE)/_build/html $(SITE)/zh
	@touch $@

# $(1) is the folder of its sources
define new_edition
	.venv-book/bin/jupyter-book build $(1) --all -W -n --keep-going
endef

book: $(BUILT) ## Build both editions, warnings being errors; print their first pages
	@echo "Open $(abspath $(SITE))/index.html"
	@echo "打开 $(abspath $(SITE))/zh/index.html"

install: $(READY) ## Make the environment that runs the notebooks, in .venv

define lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/deno fmt --check --quiet $(SCRIPTS)
	$(BIN)/deno lint --quiet $(SCRIPTS)
	$(BIN)/python -c 'import lenet_d2l as l; l.load_data_fashion_mnist(256)'
endef

check: $(READY) $(BUILT) ## Run the quick checks, of code, pages and scripts: a few minutes
	$(lint)
	$(BIN)/pytest tests -m 'not slow'

test: $(READY) $(BUILT) ## Run all checks: lint, types, tests, every notebook again
	$(lint)
	$(BIN)/pytest tests
	$(BIN)/pytest --nbval --nbval-current-env --nbval-cell-timeout=600 book

mutate: $(READY) ## Change the book's numbers and verdicts; say which no check sees
	$(BIN)/python tests/mutate.py

mutants: $(READY) ## Change the package's code; say which changes no test sees
	rm -rf mutants
	$(BIN)/mutmut run
	$(BIN)/python tests/mutants.py

# The run that the training chapter leaves becomes the published one, which
# the chapters after it show
# No date in the figures' SVG
execute: export SOURCE_DATE_EPOCH := 0
execute: $(READY) ## Run the notebooks and store their outputs and the run
	for notebook in $(NOTEBOOKS); do \
		$(BIN)/jupyter nbconvert --to notebook --execute --inplace \
			--ExecutePreprocessor.record_timing=False --coalesce-streams \
			$$notebook || exit 1; \
		if [ $$notebook = $(TRAINING) ]; then \
			cp -r book/runs/latest/. lenet_d2l/results/published/ || exit 1; fi; \
	done

live: $(READY) ## Write the data of what a reader can move in the pages
	$(BIN)/python book/live.py

wasm: $(READY) ## Compile the net that a reader can train in the page
	$(BIN)/python book/live.py engine

serve: book ## Build, then serve the book on localhost, port 8000
	@echo "中文: http://127.0.0.1:8000/zh/"
	.venv-book/bin/python -m http.server --bind 127.0.0.1 --directory $(SITE)

clean: ## Remove what make made: environments, HTML, caches, your latest run
	rm -rf .venv .venv-book $(wildcard *.egg-info) book/_build book/runs/latest
	rm -rf .mypy_cache .pytest_cache .ruff_cache mutants
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
