# .venv is made with the first Python from 3.11 on that is found; make run PYTHON=/path/to/python3 names another.
BIN := .venv/bin
# The site and its tests start often, as several processes each time, so they keep their compiled files; tools do not.
check bench: export PYTHONDONTWRITEBYTECODE ?= 1

.DEFAULT_GOAL := help
.PHONY: help run test test-slow test-all check bench proof format lock clean install install-dev

help:                   ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

run: install            ## serve the whole site on http://127.0.0.1:8000
	@$(BIN)/python manage.py runsite

test: install-dev       ## run the quick tests
	$(BIN)/pytest -m "not slow"

test-slow: install-dev  ## run the slow tests; CI runs them after the quick ones
	$(BIN)/pytest -m slow

test-all: install-dev   ## run all tests
	$(BIN)/pytest

check: install-dev      ## check format, lint, security, types, import contracts, settings and migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/bandit -q -c pyproject.toml -r tradingsite dashboard alerts watchlist broker systemcache scripts manage.py
	$(BIN)/python scripts/audit.py requirements-otel.txt
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python manage.py check
	$(BIN)/python manage.py makemigrations --check --dry-run

bench: install-dev      ## run the benchmarks, or one of them: make bench ONLY=NAME
	$(BIN)/python -m benchmarks $(ONLY)

proof:                  ## check the models of the cache's protocol with spin
	@python=$$(scripts/find-python.sh) && exec "$$python" scripts/proof.py

format: install-dev     ## format the code, and fix what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

LOCK = $(BIN)/uv pip compile -q --upgrade --universal pyproject.toml --python-version 3.11 --no-header --generate-hashes --no-strip-extras
lock: install-dev       ## pin the newest versions, with hashes, in the requirements files
	$(LOCK) -o requirements.txt
	$(LOCK) --extra otel -c requirements.txt -o requirements-otel.txt
	$(LOCK) --extra otel --extra dev -c requirements-otel.txt -o requirements-dev.txt

clean:                  ## remove .venv; the data in var/ stays
	rm -rf .venv

INSTALL = @python=$$(scripts/find-python.sh) && exec "$$python" scripts/install.py
install:
	$(INSTALL) requirements.txt
install-dev:
	$(INSTALL) requirements.txt requirements-dev.txt
