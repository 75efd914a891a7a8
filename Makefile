# Setting up, showing and testing claw. `make demo` is the first thing to try.

CARGO ?= cargo

.PHONY: demo test fuzz fuzz-short bench setup build

## demo: build claw, run an example on its real files, and show what is refused
demo: build
	@sh examples/demo.sh target/release/claw

build: setup
	@echo "building claw, its sandbox and its built-in components; the first time takes some 5 to 10 minutes on 2 cores"
	$(CARGO) build --release --locked

## test: every test, from unit to whole program, and a minute of fuzzing for each target
test: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- --deny warnings
	$(CARGO) test --workspace --locked
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	RUSTC_WRAPPER=$(CURDIR)/fuzz/rustc.sh $(CARGO) clippy --manifest-path fuzz/Cargo.toml \
		--target-dir $${CARGO_TARGET_DIR:-target} --all-targets --locked -- --deny warnings
	@$(MAKE) --no-print-directory fuzz-short

## fuzz-short: a minute of fuzzing for each target, and what its corpus reaches: see fuzz/README.md
fuzz-short: setup
	@rustup component add llvm-tools
	@fuzz/run.sh 60

## fuzz: the same for MINUTES each, and what reaches more goes into the corpus
MINUTES ?= 30
fuzz: setup
	@rustup component add llvm-tools
	@fuzz/run.sh $$(($(MINUTES) * 60)) keep

## bench: what claw costs, each figure beside its floor
bench: setup
	$(CARGO) bench --locked -p claw --bench bench

# rust-toolchain.toml names the toolchain and its targets; rustup gets what is missing.
setup:
	@command -v rustup >/dev/null || { echo "claw is built with rustup: see https://rustup.rs"; exit 1; }
	@rustup target add wasm32-wasip2 wasm32-unknown-unknown
