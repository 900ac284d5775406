# Tocsin. `make help` lists the targets.

# --- what may be set from outside -----------------------------------------------------------
CC      ?= gcc
PREFIX  ?= /usr/local
# debug: asserts and symbols (always on anyway), -O2: the mode that ships
MODE    ?= release
WERROR  ?=
# Debian's own, which has Debian's modules (python3-aiosmtpd)
PYTHON  ?= $(firstword $(wildcard /usr/bin/python3) python3)
# where `make run` keeps its data, and listens: PORT on this machine only, or a whole address
DATA    ?= data
PORT    ?=
LISTEN  ?= $(if $(PORT),127.0.0.1:$(PORT))

# --- the rooms: each becomes one archive; their tests link what their arrows reach ------------
# ROOMS, links_ROOM, links_all
include build/rooms.mk
build/rooms.mk: contrib/rooms Makefile
	@mkdir -p $(@D)
	@awk -F'|' '/^[a-z]/ { gsub(/ /, "", $$1); list = $$1; n = split($$2, k, " "); \
	    for (i = n; i > 0; i--) { m = split(reach[k[i]], all, " "); \
	        for (j = 1; j <= m; j++) if (index(" " list " ", " " all[j] " ") == 0) list = list " " all[j] } \
	    reach[$$1] = list; rooms = rooms " " $$1; print "links_" $$1 " :=", list } \
	    END { print "ROOMS :=" rooms; print "links_all :=" rooms }' contrib/rooms >$@

# --- flags ------------------------------------------------------------------------------------
PACKAGES := libevent libevent_openssl libevent_pthreads lua5.4 hiredis libcurl libpcre2-8 libxxhash libzstd zlib openssl libcjson libical yaml-0.1
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lsnappy -lm
CHECK_LIBS := $(shell pkg-config --libs check 2>/dev/null)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wundef \
        -Wconversion $(WERROR)
HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
opt_release := -O2 -g $(HARDEN)
opt_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
opt_fuzz    := -O1 -g -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined -fno-omit-frame-pointer
ld_release  := -pie -Wl,-z,relro,-z,now
ld_asan     := -fsanitize=address,undefined
ld_fuzz     := -fsanitize=address,undefined,fuzzer
VERSION := $(shell cat VERSION 2>/dev/null || echo 0.0.0)

CFLAGS_ALL := -std=gnu11 $(WARN) $(opt_$(MODE)) -D_GNU_SOURCE -DTOCSIN_VERSION='"$(VERSION)"' -Iinclude -Isrc $(PKG_CFLAGS) $(CFLAGS)
LD_ALL     := $(ld_$(MODE)) $(LDFLAGS)

OUT := build/$(MODE)

# files of rules/ that are built into the program
BUILTIN := rules/self/tocsin.lua $(sort $(wildcard rules/channels/*.lua))
more_base := $(OUT)/gen/builtin.o

# --- sources by wildcard ------------------------------------------------------------------------
define room_rules
src_$(1) := $$(wildcard src/$(1)/*.c)
obj_$(1) := $$(patsubst src/%.c,$(OUT)/%.o,$$(src_$(1))) $$(more_$(1))
$(OUT)/lib$(1).a: $$(obj_$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	@ar rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_rules,$(r))))
LIBS := $(foreach r,$(ROOMS),$(OUT)/lib$(r).a)

.DEFAULT_GOAL := all
.PHONY: all
all: build/tocsin ## build the program

build/tocsin: $(OUT)/tocsin
	@mkdir -p build
	@cp -f $< $@

# the program's main() is the only file that no archive holds
$(OUT)/tocsin: $(OUT)/main.o $(LIBS)
	@echo "  LD   $@"
	@$(CC) -o $@ $(OUT)/main.o $(LD_ALL) -Wl,--start-group $(LIBS) -Wl,--end-group $(PKG_LIBS)

$(OUT)/gen/builtin.c: $(BUILTIN) contrib/builtin Makefile
	@mkdir -p $(@D)
	@contrib/builtin $(BUILTIN) > $@

$(OUT)/gen/builtin.o: $(OUT)/gen/builtin.c src/base/builtin.h
	@$(CC) $(CFLAGS_ALL) -c -o $@ $<

$(OUT)/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	@$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# --- unit tests: tests/unit/ROOM/test_*.c, one program each, linked with its room's arrows only --
UNIT_SRC := $(wildcard tests/unit/*/test_*.c)
UNIT_BIN := $(patsubst tests/unit/%.c,$(OUT)/unit/%,$(UNIT_SRC))

.SECONDEXPANSION:
unit_room = $(firstword $(subst /, ,$(patsubst $(OUT)/unit/%,%,$(1))))
$(OUT)/unit/%: tests/unit/%.c tests/unit/unit.h $$(foreach r,$$(links_$$(call unit_room,$$@)),$(OUT)/lib$$(r).a)
	@mkdir -p $(@D)
	@echo "  TEST $<"
	@$(CC) $(CFLAGS_ALL) -Wno-conversion -Itests/unit -MMD -MP -o $@ $< $(LD_ALL) -Wl,--start-group \
	    $(foreach r,$(links_$(call unit_room,$@)),$(OUT)/lib$(r).a) -Wl,--end-group $(CHECK_LIBS) $(PKG_LIBS)

.PHONY: unit
unit: $(filter $(OUT)/unit/$(ROOM)%,$(UNIT_BIN)) ## build and run the unit tests (ROOM=window: only that room's)
	@tests/run-units unit $(filter $(OUT)/unit/$(ROOM)%,$(UNIT_BIN))

# --- each room alone: all of its archive linked with what its arrows reach and nothing else, then run ---
ROOM_BIN := $(patsubst %,$(OUT)/rooms/%,$(ROOMS))
$(OUT)/rooms/main.c: Makefile
	@mkdir -p $(@D)
	@echo 'int main(void) { return 0; }' >$@

$(OUT)/rooms/%: $(OUT)/rooms/main.c $$(foreach r,$$(links_$$*),$(OUT)/lib$$(r).a)
	@echo "  ROOM $*"
	@$(CC) -o $@ $< $(LD_ALL) -Wl,--whole-archive $(OUT)/lib$*.a -Wl,--no-whole-archive -Wl,--start-group \
	    $(foreach r,$(links_$*),$(OUT)/lib$(r).a) -Wl,--end-group $(PKG_LIBS)

.PHONY: rooms
rooms: $(ROOM_BIN) ## link each room with what it may know and nothing else
	@for b in $^; do $$b || exit 1; done
	@contrib/layers --symbols $(OUT)
	@contrib/circles $(OUT)

# --- simulations: tests/sim/test_ROOM*.c in one process on a virtual clock, with the fakes beside them
# in place of net's loop and the connection to Redis. Linked with that room's arrows; a name that is
# no room links with everything.
SIM_FAKES := $(OUT)/sim/libfakes.a # an archive: a test may stand in for one of them itself
SIM_BIN   := $(patsubst tests/sim/%.c,$(OUT)/sim/%,$(wildcard tests/sim/test_*.c))
sim_room   = $(firstword $(subst _, ,$(patsubst $(OUT)/sim/test_%,%,$(1))))
sim_links  = $(or $(links_$(call sim_room,$(1))),$(links_all))

$(OUT)/sim/%.o: tests/sim/%.c
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS_ALL) -Wno-conversion -Itests/sim -MMD -MP -c -o $@ $<

$(OUT)/sim/libfakes.a: $(patsubst tests/sim/%.c,$(OUT)/sim/%.o,$(wildcard tests/sim/fake_*.c))
	@rm -f $@
	@ar rcs $@ $^

.PRECIOUS: $(OUT)/sim/%.o
$(OUT)/sim/test_%: tests/sim/test_%.c tests/unit/unit.h $(SIM_FAKES) $$(foreach r,$$(call sim_links,$$@),$(OUT)/lib$$(r).a)
	@mkdir -p $(@D)
	@echo "  SIM  $<"
	@$(CC) $(CFLAGS_ALL) -Wno-conversion -Itests/unit -Itests/sim -MMD -MP -o $@ $< $(LD_ALL) \
	    -Wl,--start-group $(SIM_FAKES) $(foreach r,$(call sim_links,$@),$(OUT)/lib$(r).a) -Wl,--end-group $(CHECK_LIBS) $(PKG_LIBS)

.PHONY: sim
sim: $(filter $(OUT)/sim/test_$(SIM)%,$(SIM_BIN)) ## build and run the simulations (SIM=journal: only those of that name)
	@tests/run-units sim $^

# --- benchmarks: tests/bench/bench_*.c print figures of one part; run is the whole table ----------
BENCH_BIN := $(patsubst tests/bench/%.c,$(OUT)/bench/%,$(wildcard tests/bench/bench_*.c))
$(OUT)/bench/%: tests/bench/%.c $(LIBS)
	@mkdir -p $(@D)
	@echo "  BENCH $<"
	@$(CC) $(CFLAGS_ALL) -Wno-conversion -MMD -MP -o $@ $< $(LD_ALL) -Wl,--start-group $(LIBS) -Wl,--end-group $(PKG_LIBS)

# --- fuzz targets: tests/fuzz/fuzz_NAME.c, seeds in tests/fuzz/corpus/NAME --------------------------
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 60
build/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(LIBS)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS_ALL) -Wno-conversion -o $@ $< $(LD_ALL) -Wl,--start-group $(LIBS) -Wl,--end-group $(PKG_LIBS)

build/load: tests/bench/load.c
	@mkdir -p build
	@$(CC) -std=gnu11 -O2 -D_GNU_SOURCE -Wall -Wextra -o $@ $< -lsnappy -lm

.PHONY: $(addprefix fuzz-,$(FUZZ_NAMES)) fuzz-seeds
$(addprefix fuzz-,$(FUZZ_NAMES)): fuzz-%: ## fuzz one decoder or parser (FUZZ_SECONDS=60)
	@$(MAKE) --no-print-directory MODE=fuzz CC=clang build/fuzz/fuzz_$*
	@mkdir -p tests/fuzz/corpus/$* build/fuzz/corpus/$*
	@build/fuzz/fuzz_$* -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 build/fuzz/corpus/$* tests/fuzz/corpus/$*
fuzz-seeds: ## run every fuzz target over its seeds and kept crashes
	@$(MAKE) --no-print-directory -j$(shell nproc) MODE=fuzz CC=clang $(addprefix build/fuzz/fuzz_,$(FUZZ_NAMES))
	@for n in $(FUZZ_NAMES); do \
	    build/fuzz/fuzz_$$n -runs=2000 -max_total_time=10 tests/fuzz/corpus/$$n > build/fuzz/$$n.log 2>&1 \
	        || { echo "fuzz_$$n failed:"; tail -40 build/fuzz/$$n.log; exit 1; }; \
	done; echo "fuzz: $(words $(FUZZ_NAMES)) targets passed over their seeds"

# --- what people call --------------------------------------------------------------------------------
.PHONY: deps deps-test run test rule-tests oracle e2e soak lint format check-asan bench bench-growth bench-parts install clean help

deps: ## install what building and running needs (Debian packages)
	@contrib/deps
deps-test: ## install what the tests need as well
	@contrib/deps test

# A fresh machine has no pkg-config answers yet when this file is read, so these call make again.
run: deps ## build, start with an embedded Redis and the shipped rules, and say where to look (PORT=9494, LISTEN=127.0.0.1:9494, DATA=dir)
	@contrib/run "$(DATA)" "$(LISTEN)"
test: deps-test ## run every test
	@$(MAKE) --no-print-directory -j$(shell nproc) all
	@$(MAKE) --no-print-directory -k -j$(shell nproc) unit-build sim-build rooms
	@$(MAKE) --no-print-directory -k unit sim oracle rule-tests e2e

approve: ## write the files of tests/golden again from what comes out now
	@TOCSIN_APPROVE=1 $(MAKE) --no-print-directory unit ROOM=deliver
	@TOCSIN_APPROVE=1 $(MAKE) --no-print-directory unit ROOM=page
.PHONY: unit-build sim-build approve
unit-build: $(UNIT_BIN)
sim-build: $(SIM_BIN)

oracle: ## check the reference evaluator against results worked out by hand
	@lua5.4 tests/oracle/selftest.lua
rule-tests: build/tocsin ## run the tests of the shipped rules
	@build/tocsin test rules/*_test.lua rules/packs/*_test.lua
e2e: build/tocsin ## run the program against real servers and clients
	@/usr/bin/python3 tests/e2e/run.py
# What random tests say once, said for longer: other seeds, more of them. An hour or so; a failure names its seed.
SOAK_SEED ?= $(shell date +%s)
soak: build/tocsin ## run what is random for an hour: kills of two on one Redis, of one, seeds of the simulations and the oracle, fuzzing (SOAK_SEED=n)
	@TOCSIN_SEED=$(SOAK_SEED) TOCSIN_ROUNDS=30 /usr/bin/python3 tests/e2e/run.py soak
	@TOCSIN_SEED=$(SOAK_SEED) TOCSIN_ROUNDS=50 /usr/bin/python3 tests/e2e/run.py fifty_kills
	@TOCSIN_SEEDS=101-1000 $(MAKE) --no-print-directory sim SIM=pipeline
	@STORIES=2000 $(MAKE) --no-print-directory sim SIM=journal_random
	@TOCSIN_SEEDS=241-2000 $(MAKE) --no-print-directory unit ROOM=rule
	@for n in $(FUZZ_NAMES); do $(MAKE) --no-print-directory fuzz-$$n FUZZ_SECONDS=60 >build/soak.log 2>&1 \
	    || { tail -40 build/soak.log; exit 1; }; done
lint: ## formatting, arrows between rooms, names in comments, cppcheck
	@contrib/lint
format: ## format all sources
	@clang-format -i $$(git ls-files '*.c' '*.h')
check-asan: ## unit tests and simulations under address and undefined-behaviour sanitizers
	@$(MAKE) --no-print-directory MODE=asan -j$(shell nproc) unit-build sim-build
	@$(MAKE) --no-print-directory MODE=asan -k unit sim
bench: build/tocsin build/load ## print the benchmark table, beside Prometheus where it is installed
	@$(PYTHON) tests/bench/run.py
bench-growth: build/tocsin ## print what grows with rules, events, alerts and silences
	@$(PYTHON) tests/bench/growth.py
bench-parts: $(BENCH_BIN) ## print the figures of single parts
	@for b in $(BENCH_BIN); do echo "== $$b"; $$b; done

install: all ## install below PREFIX
	install -D -m 755 build/tocsin $(DESTDIR)$(PREFIX)/bin/tocsin
	install -d $(DESTDIR)$(PREFIX)/share/tocsin/rules/channels $(DESTDIR)$(PREFIX)/share/tocsin/luals
	install -m 644 rules/*.lua $(DESTDIR)$(PREFIX)/share/tocsin/rules
	install -d $(DESTDIR)$(PREFIX)/share/tocsin/rules/packs
	install -m 644 rules/packs/*.lua $(DESTDIR)$(PREFIX)/share/tocsin/rules/packs
	install -m 644 rules/channels/*.lua $(DESTDIR)$(PREFIX)/share/tocsin/rules/channels
	install -m 644 contrib/luals/*.lua $(DESTDIR)$(PREFIX)/share/tocsin/luals
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@PREFIX@|$(PREFIX)|' contrib/tocsin.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/tocsin.service
	chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/tocsin.service
	install -D -m 644 contrib/tocsin.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/tocsin.conf
	install -D -m 644 contrib/tocsin.1 $(DESTDIR)$(PREFIX)/share/man/man1/tocsin.1
	install -D -m 644 contrib/tocsin.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/tocsin
clean: ## remove what was built
	rm -rf build
help: ## list the targets
	@grep -hE '^[a-z][a-z0-9-]*:.*##' Makefile | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "  %-12s %s\n", $$1, $$2}'
	@echo "  fuzz-NAME    $(FUZZ_NAMES)"

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
