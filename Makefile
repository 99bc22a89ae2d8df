# What people do with Sluice, each in one command. `make help` lists it. The build itself is CMake's (CMakePresets.json).
.DEFAULT_GOAL := build
.PHONY: help build demo test bench bench-slices bench-moves bench-allocator simulate install soak format tidy clang clean dependencies configure

PREFIX ?= /usr/local
MINUTES ?= 10
SCENARIOS ?= 10000
SOURCES = find src tools tests bench -name '*.h' -o -name '*.cpp' -o -name '*.c'
say = @printf '\n==> %s\n' '$(1)'

help: ## this list
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

dependencies:
	@tools/install-dependencies --build

# Tests and benchmarks stay out until `make test` or `make bench` turns them on: they need more packages.
configure: dependencies
	@[ -f build/release/build.ninja ] || cmake --preset release -DSLUICE_TESTS=OFF -DSLUICE_BENCH=OFF

build: configure ## compile the daemon, the worker, the shim and the CLI into build/release
	$(call say,compiling (build/release))
	@cmake --build --preset release

demo: ## two unmodified programs share one device: installs, builds, runs, cleans up
	@tools/demo

test: ## build and run every test, also under the sanitizers
	@tools/run-tests

bench: bench-forward bench-programs bench-starts ## run all benchmarks: the pool beside the native driver

bench-%: ## run one family of benchmarks: forward, programs, starts
	@tools/install-dependencies --test
	$(call say,compiling (build/release))
	@cmake --preset release -DSLUICE_BENCH=ON >/dev/null
	@cmake --build --preset release
	$(call say,measuring: bench-$*)
	@bench/run $*

bench-slices: ## how tenants share a device, beside what is asked for: shares, caps, latency, hand-over, scale (10 minutes)
	@tools/install-dependencies --test
	$(call say,compiling (build/release))
	@cmake --preset release -DSLUICE_BENCH=ON >/dev/null
	@cmake --build --preset release
	$(call say,measuring: bench-slices)
	@bench/slices --json build/bench/slices.json

bench-moves: ## what a move costs a program that runs, beside what is asked for (10 minutes)
	@tools/install-dependencies --test
	$(call say,compiling (build/release))
	@cmake --preset release -DSLUICE_TESTS=ON -DSLUICE_BENCH=ON >/dev/null
	@cmake --build --preset release
	$(call say,measuring: bench-moves)
	@bench/moves

bench-allocator: ## how well slices are placed: TRACES=folder of the Alibaba trace 2023, else a synthetic one (15 minutes)
	@tools/install-dependencies --test
	@cmake --preset release -DSLUICE_TESTS=OFF >/dev/null  # with them the library checks its books after each step
	@cmake --build --preset release --target sluice-sim
	@bench/allocator $(if $(TRACES),--traces $(TRACES))

simulate: ## random scenarios for the arbiter, in virtual time, and what must hold in all of them: SCENARIOS=10000
	@tools/install-dependencies --test
	@cmake --preset release -DSLUICE_TESTS=ON >/dev/null
	@cmake --build --preset release --target simulate-arbiter
	@build/release/tests/daemon/arbiter/simulate-arbiter $(SCENARIOS)

soak: ## keep a pool busy, kill things, look for leaks: MINUTES=10
	@tools/install-dependencies --test
	$(call say,compiling (build/release))
	@cmake --preset release -DSLUICE_TESTS=ON >/dev/null
	@cmake --build --preset release
	@tests/soak/soak.py --minutes $(MINUTES)

install: build ## install under PREFIX (/usr/local)
	$(call say,installing under $(PREFIX))
	@cmake --install build/release --prefix $(PREFIX)

format: ## let clang-format rewrite every source
	$(call say,formatting)
	@$(SOURCES) | xargs clang-format -i

tidy: ## run clang-tidy over every source
	@tools/install-dependencies --test
	$(call say,clang-tidy (some minutes))
	@cmake --preset clang -B build/tidy -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >/dev/null
	@run-clang-tidy -quiet -p build/tidy '(src|tools|tests|bench)/.*'

clang: ## compile everything with clang as well
	@tools/install-dependencies --test
	$(call say,compiling with clang (build/clang))
	@cmake --preset clang >/dev/null
	@cmake --build --preset clang

clean: ## remove everything that was built
	rm -rf build
