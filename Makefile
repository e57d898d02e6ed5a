PYTHON ?= python3.11
BIN := .venv/bin
# The site is started often, by several processes each time: they keep what they have compiled.
test check bench: export PYTHONDONTWRITEBYTECODE ?= 1

.PHONY: run test check bench format lock clean

run: .venv/installed                ## the whole site on http://127.0.0.1:8000
	@$(BIN)/python manage.py runsite

test: .venv/installed-dev           ## all tests
	$(BIN)/pytest

check: .venv/installed-dev          ## format, lint, types, import contracts, Django checks, missing migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python manage.py check
	$(BIN)/python manage.py makemigrations --check --dry-run

bench: .venv/installed-dev          ## the benchmarks
	$(BIN)/python -m benchmarks $(ONLY)

format: .venv/installed-dev         ## put the code into its format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: .venv/installed-dev           ## pin every version anew
	$(BIN)/uv pip compile -q --upgrade pyproject.toml --python-version 3.11 --no-header -o requirements.txt
	$(BIN)/uv pip compile -q --upgrade pyproject.toml --python-version 3.11 --no-header --extra dev -c requirements.txt -o requirements-dev.txt

clean:                              ## forget the environment; var/ (the data) stays
	rm -rf .venv

.venv/installed: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
