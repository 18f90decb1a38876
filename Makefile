# The front door: each word runs the tool that does the work.  What is built, and how, stands in
# meson.build; what is installed first, in bootstrap.
#
#   make          packages for build and demo, then the programs in build/
#   make demo     the lab, from nothing to a blocked telnet
#   make check    every test: units and fuzz seeds under sanitizers, networks and peers in release
#                 (SUITES="unit replay": only these of style unit replay oracle net interop guest)
#   make lint     clang-tidy          make fuzz     each target FUZZ_SECONDS (TARGET=name: only one)
#   make bench    measurements        make soak     the tests that take long
#   make install  DESTDIR=, PREFIX=   make clean    take the build directories away

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 600
TARGET ?=
SUITES ?=
SANITIZE = -Db_sanitize=address,undefined

.PHONY: all programs demo check lint fuzz bench soak install clean

all:
	@./bootstrap demo
	@$(MAKE) -s --no-print-directory programs

programs: build/build.ninja
	@ninja -C build

build/build.ninja:
	@meson setup build --prefix=$(PREFIX)

build-asan/build.ninja:
	@meson setup build-asan $(SANITIZE) -Dtests=enabled

build-fuzz/build.ninja:
	@CC=clang meson setup build-fuzz $(SANITIZE) -Dfuzzing=true -Dtests=disabled

demo: all
	@lab/lab demo

check:
	@./bootstrap demo check
	@$(MAKE) -s --no-print-directory build/build.ninja build-asan/build.ninja
	@tests/tools/check $(SUITES)

lint:
	@./bootstrap demo check lint
	@$(MAKE) -s --no-print-directory programs
	@$(MAKE) -s --no-print-directory build-fuzz/build.ninja
	@ninja -C build-fuzz
	@tests/tools/lint build

fuzz:
	@./bootstrap demo check
	@$(MAKE) -s --no-print-directory build-fuzz/build.ninja
	@ninja -C build-fuzz
	@tests/tools/fuzz build-fuzz $(FUZZ_SECONDS) $(TARGET)

bench:
	@./bootstrap demo check
	@$(MAKE) -s --no-print-directory programs
	@bench/run

soak:
	@./bootstrap demo check
	@$(MAKE) -s --no-print-directory build/build.ninja
	@tests/tools/check soak

install: build/build.ninja
	@meson configure build --prefix=$(PREFIX)
	@ninja -C build
	@meson install -C build --no-rebuild

clean:
	rm -rf build build-asan build-fuzz
