# SPDX-License-Identifier: Apache-2.0
# A thin front for meson and for the scripts in tools/; docs/HACKING.md explains them.
.PHONY: build demo check check-long check-tsan bench fuzz clean install setup
.DEFAULT_GOAL := build

BUILD  ?= build
PREFIX ?= /usr/local
# below PREFIX; said, since meson's own guess needs dpkg-dev to be a place where Debian looks for libraries
LIBDIR ?= lib

build: setup
	@test -f $(BUILD)/build.ninja || meson setup --prefix=$(PREFIX) --libdir=$(LIBDIR) $(BUILD)
	@umask 022 && ninja -C $(BUILD)
	@tools/link-outputs $(BUILD)

# Installs the Debian packages that are missing, and nothing else; says nothing when there is nothing to do.
setup:
	@tools/setup

demo: build
	@BUILD=$(BUILD) demo/run

check: setup
	@tools/run-tests

# Races: all of the stage of which `make check` has a part.
check-tsan: setup
	@tools/run-tests --long --only tsan

check-long: setup
	@tools/run-tests --long

# Example: make bench ARGS="--card soft --via unix --op sm4-cbc --size 4096"
bench: build
	@$(BUILD)/bin/cardmux bench $(ARGS)

fuzz: setup
	@tools/run-fuzz $(ARGS)

install: build
	@meson configure --prefix=$(PREFIX) --libdir=$(LIBDIR) $(BUILD)
	@ninja -C $(BUILD) install
	@test -n "$(DESTDIR)" -o "$$(id -u)" -ne 0 || ldconfig

clean:
	@rm -rf build build-*
