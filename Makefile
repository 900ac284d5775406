# Tocsin. `make help` lists the targets.

# --- what may be set from outside -----------------------------------------------------------
CC      ?= gcc
PREFIX  ?= /usr/local
# debug: asserts and symbols (always on anyway), -O2: the mode that ships
MODE    ?= release
WERROR  ?=
# where `make run` keeps its data
DATA    ?= data

# --- the rooms, in the order of the flow; each becomes one archive --------------------------
ROOMS := base model redis net lua ingest journal window rule alert notify deliver store api web app cli

# what the tests of a room link against (the arrows of docs/architecture.md, closed)
links_base    := base
links_model   := model base
links_redis   := redis net base
links_net     := net base
links_lua     := lua model base
links_ingest  := ingest net model base
links_store   := store redis net base
links_journal := journal redis net model base
links_window  := window model base
links_alert   := alert store redis net model base
links_rule    := rule window alert lua store redis net model base
links_notify  := notify alert store redis net model base
links_deliver := deliver notify alert store net redis lua model base
links_all     := cli app api web deliver notify rule alert store window journal ingest lua net redis model base

# --- flags ------------------------------------------------------------------------------------
PACKAGES := libevent libevent_openssl libevent_pthreads lua5.4 hiredis libcurl libpcre2-8 libxxhash libzstd zlib openssl libcjson
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

# --- sources by wildcard ------------------------------------------------------------------------
define room_rules
src_$(1) := $$(wildcard src/$(1)/*.c)
obj_$(1) := $$(patsubst src/%.c,$(OUT)/%.o,$$(src_$(1)))
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
unit: $(UNIT_BIN) ## build and run the unit tests (ROOM=window: only that room's)
	@tests/run-units $(filter $(OUT)/unit/$(ROOM)%,$(UNIT_BIN))

# --- simulations: tests/sim/test_ROOM*.c in one process on a virtual clock, with the fakes beside them
# in place of net's loop and the connection to Redis. Linked with that room's arrows; a name that is
# no room links with everything.
SIM_FAKES := $(patsubst tests/sim/%.c,$(OUT)/sim/%.o,$(wildcard tests/sim/fake_*.c))
SIM_BIN   := $(patsubst tests/sim/%.c,$(OUT)/sim/%,$(wildcard tests/sim/test_*.c))
sim_room   = $(firstword $(subst _, ,$(patsubst $(OUT)/sim/test_%,%,$(1))))
sim_links  = $(or $(links_$(call sim_room,$(1))),$(links_all))

$(OUT)/sim/%.o: tests/sim/%.c
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS_ALL) -Wno-conversion -Itests/sim -MMD -MP -c -o $@ $<

.PRECIOUS: $(OUT)/sim/%.o
$(OUT)/sim/test_%: tests/sim/test_%.c tests/unit/unit.h $(SIM_FAKES) $$(foreach r,$$(call sim_links,$$@),$(OUT)/lib$$(r).a)
	@mkdir -p $(@D)
	@echo "  SIM  $<"
	@$(CC) $(CFLAGS_ALL) -Wno-conversion -Itests/unit -Itests/sim -MMD -MP -o $@ $< $(SIM_FAKES) $(LD_ALL) \
	    -Wl,--start-group $(foreach r,$(call sim_links,$@),$(OUT)/lib$(r).a) -Wl,--end-group $(CHECK_LIBS) $(PKG_LIBS)

.PHONY: sim
sim: $(filter $(OUT)/sim/test_$(SIM)%,$(SIM_BIN)) ## build and run the simulations (SIM=journal: only those of that name)
	@tests/run-units $^

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
