# The commands of the README. One release build serves them all, so nothing is compiled twice.

SHELL := /bin/bash
CONFIGURATION := -c release -Xswiftc -enable-testing
BIN := .build/release
MASK_EMAIL := examples/swift-mask-email
WEBHOOK := --connector $(BIN)/libWebhook.so --connector-manifest Plugins/Connectors/Webhook/manifest.json

.PHONY: demo run test bench build examples packages-build packages-run packages-test lint clean

# Builds what is missing, starts a server, sends it a shop's day of events and shows what became of each of them.
demo: build examples packages-run
	examples/demo/demo.sh $(BIN)

# Leaves the server running in the foreground on its private database and says where the API is. For trying things out it
# may send to receivers on this machine, which no server does by itself.
run: build packages-run
	$(BIN)/leat serve --allow-targets 127.0.0.0/8

# Hundreds of tests at once, each with databases and servers of its own, would wait for each other longer than they may.
# What failed among thousands of lines is said once more at the end.
test: packages-build packages-run packages-test
	swift build $(CONFIGURATION) --build-tests
	set -o pipefail; swift test $(CONFIGURATION) --skip-build --experimental-maximum-parallelization-width 6 2>&1 \
		| tee .build/test.log || { grep -E '✘|^↳' .build/test.log; exit 1; }

# The figures of docs/performance.md, one after the other: nothing else should run meanwhile.
bench: build examples packages-run
	$(BIN)/leat-bench json
	$(BIN)/leat-bench filter
	$(BIN)/leat-bench ingest
	$(BIN)/leat-bench pipeline \
		--transformation $(MASK_EMAIL)/.build/release/libMaskEmail.so \
		--transformation-manifest $(MASK_EMAIL)/manifest.json \
		$(WEBHOOK)
	$(BIN)/leat-bench pipeline --watchers 5 \
		--transformation $(MASK_EMAIL)/.build/release/libMaskEmail.so \
		--transformation-manifest $(MASK_EMAIL)/manifest.json \
		$(WEBHOOK)
	$(BIN)/leat-bench log-append
	$(BIN)/leat-bench log-cycle
	$(BIN)/leat-bench log-backlog
	$(BIN)/leat-bench log-pace
	$(BIN)/leat-bench latency $(WEBHOOK)
	$(BIN)/leat-bench deliver
	$(BIN)/leat-bench fan-out $(WEBHOOK)
	$(BIN)/leat-bench isolation $(WEBHOOK)
	$(BIN)/leat-bench replay $(WEBHOOK)
	$(BIN)/leat-bench nodes $(WEBHOOK)
	$(BIN)/leat-bench idle $(WEBHOOK)
	$(BIN)/leat-bench hop $(MASK_EMAIL)/.build/release/libMaskEmail.so --manifest $(MASK_EMAIL)/manifest.json

build: packages-build
	swift build $(CONFIGURATION)

# The packages that plugin authors copy, each built as its README says.
examples: packages-build
	swift build -c release --package-path $(MASK_EMAIL)
	$(MAKE) -C examples/c-drop-bots

lint:
	swift format lint --strict --recursive Package.swift Sources Plugins Tests examples

packages-build:
	@deploy/install-packages build

packages-run:
	@deploy/install-packages run

packages-test:
	@deploy/install-packages test

clean:
	rm -rf .build examples/*/.build
