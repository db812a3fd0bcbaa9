# diffuse -- diffusion models on 2-D point clouds. `make help` lists the targets.

MAKEFLAGS += --no-builtin-rules --jobs=$(shell nproc 2>/dev/null || echo 2)
CFLAGS ?= -O3 -g
B      ?= build
# V=1 shows the commands.
ifneq ($(V),1)
Q = @echo "  $(notdir $@)";
endif

WARN = -std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wdouble-promotion -Wformat=2 -Wvla \
       -Wstrict-prototypes -Wmissing-prototypes
# What the promise of equal bytes rests on stands apart from CFLAGS, so that no setting of those can break it.
NUMERIC = -ffp-contract=off -fno-math-errno -fno-trapping-math
ALL_CFLAGS = $(CFLAGS) $(WARN) $(NUMERIC) -D_POSIX_C_SOURCE=200809L -Iinclude -I$(B)/src -MMD -MP

LIBRARY_SOURCES := $(filter-out src/cli/%,$(wildcard src/*/*.c))
PROGRAM_SOURCES := $(wildcard src/cli/*.c)
TESTS           := $(patsubst %.c,$(B)/%,$(wildcard tests/test_*.c))
CLAIMS          := $(patsubst %.c,$(B)/%,$(wildcard tests/claim_*.c))
PAPERS          := $(patsubst %.c,$(B)/%,$(wildcard tests/paper_*.c))
LIBRARY_OBJECTS := $(LIBRARY_SOURCES:%.c=$(B)/%.o)
PROGRAM_OBJECTS := $(PROGRAM_SOURCES:%.c=$(B)/%.o)

# The kernels are compiled once per instruction set; the program picks one when it starts.
MACHINE := $(shell $(CC) -dumpmachine)
SETS    := scalar
ifneq (,$(filter x86_64-%,$(MACHINE)))
SETS    := scalar avx2 avx512
endif
ifneq (,$(filter aarch64-%,$(MACHINE)))
SETS    := scalar neon
endif
FLAGS_avx2   = -mavx2 -mfma
FLAGS_avx512 = -mavx512f -mfma
KERNELS := $(SETS:%=$(B)/src/base/kernels_%.o)
LIBRARY_OBJECTS := $(filter-out $(B)/src/base/kernels.o,$(LIBRARY_OBJECTS)) $(KERNELS)

diffuse: $(B)/diffuse         ## build the program (what plain `make` does)
	@cp $< $@

$(B)/diffuse: $(PROGRAM_OBJECTS) $(B)/libdiffuse.a
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lm -pthread

lib: $(B)/libdiffuse.a        ## build the library, build/libdiffuse.a
$(B)/libdiffuse.a: $(LIBRARY_OBJECTS)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(B)/src/base/kernels_%.o: src/base/kernels.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(FLAGS_$*) -DDF_SET=$* -c -o $@ $<

$(B)/src/base/simd.o: NUMERIC += '-DDF_SETS=$(foreach set,$(SETS),X($(set)))'

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$(B)/tests/%: $(B)/tests/%.o $(B)/libdiffuse.a
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lm -pthread

# A page becomes an array of strings, a line each, for the source file that includes it.
$(B)/src/draw/html.o: $(B)/src/draw/head.html.h
$(B)/src/draw/player.o: $(B)/src/draw/player.html.h
$(B)/src/cli/cmd_report.o: $(B)/src/cli/report.html.h
$(B)/%.html.h: %.html
	@mkdir -p $(@D)
	$(Q)sed 's/[\\"]/\\&/g; s/.*/"&\\n",/' $< >$@

test: diffuse $(TESTS) $(CLAIMS) ## run every test; ends with "N passed, N failed"
	@sh tests/run.sh $(B)

papers: $(B)/diffuse $(PAPERS)   ## check what every paper claims with trained models (PAPER=key: one); prints a table
	@sh tests/papers.sh $(B) $(PAPER)

quality: diffuse              ## KL against seconds of training, and the same in PyTorch where it is installed (minutes)
	@sh tests/quality.sh $(B)/diffuse

bench: diffuse $(B)/tests/bench  ## how fast this machine is with it, and PyTorch where it is installed (minutes)
	@sh tests/bench.sh $(B)/tests/bench $(B)/diffuse

demo: diffuse                 ## train on a swiss roll, sample it, draw it; the result is in build/demo
	@sh tests/demo.sh $(B)/demo

gallery: diffuse              ## make the pictures of the README again, in data/
	@sh tests/gallery.sh $(B)/diffuse

asan:                         ## the unit tests under address and undefined-behaviour sanitizers
	@$(MAKE) -s B=build/asan CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all" unit

tsan:                         ## the unit tests that use threads, under the thread sanitizer
	@$(MAKE) -s B=build/tsan CFLAGS="-O1 -g -fsanitize=thread" build/tsan/tests/test_threads build/tsan/tests/test_parallel
	@build/tsan/tests/test_threads && build/tsan/tests/test_parallel

double:                       ## the unit tests with the network in double precision
	@$(MAKE) -s B=build/double CPPFLAGS=-DDF_DOUBLE unit

valgrind:                     ## the quick unit tests under valgrind
	@$(MAKE) -s B=build/valgrind CFLAGS="-O1 -g -gdwarf-4" RUN="valgrind -q --error-exitcode=9 --leak-check=full" unit

unit: $(B)/diffuse $(TESTS)
	@RUN="$(RUN)" sh tests/unit.sh $(B)

clean:                        ## remove everything that was built
	rm -rf build diffuse

help:                         ## list these targets
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: lib test bench quality gallery papers demo asan tsan double valgrind unit clean help diffuse
.SECONDARY:
-include $(wildcard $(B)/src/*/*.d $(B)/tests/*.d)
