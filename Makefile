# `make demo` and `make test` set everything up on a fresh machine; see README.md.
PYTHON ?= python3
BIN := .venv/bin
NATIVE_SOURCES := $(wildcard proofs/prover/src/*.rs proofs/prover/src/*/*.rs) proofs/prover/Cargo.toml proofs/prover/Cargo.lock .cargo/config.toml

.PHONY: setup build test check demo soundness contracts clean
.DELETE_ON_ERROR:

setup: .venv/.ready

build: setup

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

# One stamp for dependencies and the native module: cargo and pip do nothing where nothing changed.
.venv/.ready: pyproject.toml scripts/build_native $(NATIVE_SOURCES) | .venv/bin/python
	scripts/build_native
	@touch $@

test: setup
	$(BIN)/python -m pytest

demo: setup
	$(BIN)/sealbook demo

# Every constraint of every program removed once; also writes the table of the page.
soundness: setup
	$(BIN)/sealbook soundness --write docs/soundness.md

contracts:
	npm ci --prefix contracts/toolchain
	node contracts/toolchain/build.mjs

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cargo fmt --check --manifest-path proofs/prover/Cargo.toml
	cargo clippy --release --all-targets --manifest-path proofs/prover/Cargo.toml -- -D warnings
	npm ci --prefix contracts/toolchain
	node contracts/toolchain/build.mjs --check
	scripts/check_forge
	scripts/check_anvil

clean:
	rm -rf .venv proofs/prover/target commitments/_native*.so build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
