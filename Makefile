# make demo    sets everything up, then trains and judges a model on built-in phantoms; prints where the report is
# make test    sets up what is missing, runs the whole test suite
# make check   what every change must pass: format, lint, types, spelling, generated docs, fast tests
# make docs    writes docs/reference/ anew
# make bench   measures speed; rows go to benchmarks/results/
# make clean   removes .venv and caches; runs/ stays

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/hilum-installed
PYTEST := $(BIN)/python -m pytest --quiet
CODE := src tests docs examples benchmarks tools

.PHONY: demo test check docs bench setup clean
.DEFAULT_GOAL := demo

demo: $(INSTALLED)
	@$(BIN)/hilum demo

test: $(INSTALLED)
	@$(PYTEST) -n 2 --cov=hilum --cov-report=term --cov-fail-under=90

check: $(INSTALLED)
	@$(BIN)/ruff format --check --quiet $(CODE)
	@$(BIN)/ruff check --quiet $(CODE)
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/codespell README.md ARCHITECTURE.md CONTRIBUTING.md CHANGELOG.md $(CODE)
	@$(BIN)/python docs/generate.py --check
	@$(PYTEST) -n 2 -m "not slow"

docs: $(INSTALLED)
	@$(BIN)/python docs/generate.py

bench: $(INSTALLED)
	@for bench in benchmarks/bench_*.py; do $(BIN)/python $$bench || exit 1; done

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt tools/set_up.py
	@command -v $(PYTHON) >/dev/null || { echo "hilum needs python3 (3.11 or newer), which is not on this machine."; exit 1; }
	@$(PYTHON) tools/set_up.py

clean:
	@rm -rf .venv .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* dist build
	@find src tests docs examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
