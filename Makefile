# diffuse -- diffusion models on 2-D point clouds. `make help` lists the targets.

MAKEFLAGS += --no-builtin-rules
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += --jobs=$(shell nproc 2>/dev/null || echo 2)
endif
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
# Built in any folder, the bytes of the program are the same.
ALL_CFLAGS = $(CFLAGS) $(WARN) $(NUMERIC) -ffile-prefix-map=$(CURDIR)=. -D_POSIX_C_SOURCE=200809L -Iinclude -I$(B)/src -MMD -MP

LIBRARY_SOURCES := $(sort $(filter-out src/cli/%,$(wildcard src/*/*.c)))
PROGRAM_SOURCES := $(sort $(wildcard src/cli/*.c))
TESTS           := $(patsubst %.c,$(B)/%,$(wildcard tests/test_*.c))
FUZZERS         := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz_*.c))
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
PAGES = $(B)/src/draw/head.html.h $(B)/src/draw/player.html.h $(B)/src/cli/report.html.h
$(B)/src/draw/html.o: $(B)/src/draw/head.html.h
$(B)/src/draw/player.o: $(B)/src/draw/player.html.h
$(B)/src/cli/cmd_report.o: $(B)/src/cli/report.html.h
$(B)/%.html.h: %.html
	@mkdir -p $(@D)
	$(Q)sed 's/[\\"]/\\&/g; s/.*/"&\\n",/' $< >$@

static:                       ## build build/static/diffuse with musl-gcc: one file that needs nothing of the system
	@$(MAKE) -s B=build/static CC=musl-gcc LDFLAGS=-static build/static/diffuse

# What `make install` puts where, as from:to, and `make uninstall` takes away again.
PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR    ?= $(PREFIX)/share
HEADERS    := $(sort $(wildcard include/diffuse/*.h))
PLACES = $(B)/diffuse:$(BINDIR)/diffuse $(B)/libdiffuse.a:$(LIBDIR)/libdiffuse.a \
         $(foreach header,$(HEADERS),$(header):$(INCLUDEDIR)/diffuse/$(notdir $(header))) \
         $(B)/diffuse.pc:$(LIBDIR)/pkgconfig/diffuse.pc $(B)/diffuse.man:$(DATADIR)/man/man1/diffuse.1 \
         $(B)/diffuse.bash:$(DATADIR)/bash-completion/completions/diffuse \
         $(B)/diffuse.zsh:$(DATADIR)/zsh/site-functions/_diffuse

install: $(B)/diffuse $(B)/diffuse.pc $(B)/diffuse.man $(B)/diffuse.bash $(B)/diffuse.zsh ## install below PREFIX, with DESTDIR before it
	@set -e; for place in $(PLACES); do to="$(DESTDIR)$${place#*:}"; mode=644; \
	    if [ "$${place%%:*}" = $(B)/diffuse ]; then mode=755; fi; \
	    install -d "$${to%/*}"; install -m $$mode "$${place%%:*}" "$$to"; done

uninstall:                    ## remove what install put there
	@for place in $(PLACES); do rm -f "$(DESTDIR)$${place#*:}"; done
	@rmdir "$(DESTDIR)$(INCLUDEDIR)/diffuse" 2>/dev/null || true

$(B)/diffuse.man $(B)/diffuse.bash $(B)/diffuse.zsh: $(B)/diffuse.%: $(B)/diffuse
	$(Q)$< generate $* >$@

# The folders below the prefix are told from it, so that the whole can be moved. Written anew for every PREFIX.
$(B)/diffuse.pc: $(B)/diffuse always
	@printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$(LIBDIR:$(PREFIX)/%=$${prefix}/%)' \
	    'includedir=$(INCLUDEDIR:$(PREFIX)/%=$${prefix}/%)' '' 'Name: diffuse' \
	    'Description: diffusion models on 2-D point clouds' \
	    "Version: $$($< --version | sed -n 's/^diffuse \([^,]*\),.*/\1/p')" \
	    'Cflags: -I$${includedir}' 'Libs: -L$${libdir} -ldiffuse -lm -pthread' >$@
always:

test: diffuse $(TESTS) $(FUZZERS) $(CLAIMS) $(B)/tests/arguments ## run every test; ends with "N passed, N failed"
	@sh tests/run.sh $(B)

SANITIZE = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all

soak: diffuse $(B)/tests/arguments ## kill training 200 times and a sample in 64 shards; 10,000 random command lines, twice (minutes)
	@sh tests/stops.sh $(B)/diffuse 200 100 1 2>/dev/null
	@sh tests/machines.sh $(B)/diffuse 1e7 64 2>/dev/null
	@sh tests/arguments.sh $(B)/diffuse $(B)/tests/arguments 10000 2
	@$(MAKE) -s B=build/asan CFLAGS="$(SANITIZE)" build/asan/diffuse >/dev/null
	@ASAN_OPTIONS=exitcode=99:allocator_may_return_null=1 UBSAN_OPTIONS=exitcode=99 \
	    sh tests/arguments.sh build/asan/diffuse $(B)/tests/arguments 10000 3

bits: diffuse                 ## the bytes of everything, with many compilers, kernels and numbers of threads: one hash (an hour)
	@sh tests/bits.sh $(B)/bits $(B)/diffuse all

golden: diffuse               ## freeze what is new, or all of it after numerics was raised, in tests/golden
	@sh tests/golden.sh $(B)/diffuse

papers: $(B)/diffuse $(PAPERS)   ## check what every paper claims with trained models (PAPER=key: one); prints a table
	@sh tests/papers.sh $(B) $(PAPER)

faults: diffuse               ## make everything around the program fail, at every place where it can (minutes)
	@sh tests/faults.sh $(B)/diffuse

quality: diffuse              ## KL against seconds of training, and the same in PyTorch where it is installed (minutes)
	@sh tests/quality.sh $(B)/diffuse

bench: diffuse $(B)/tests/bench  ## how fast this machine is with it, and PyTorch where it is installed (minutes)
	@sh tests/bench.sh $(B)/tests/bench $(B)/diffuse

demo: diffuse                 ## train on a swiss roll, sample it, draw it; the result is in build/demo
	@sh tests/demo.sh $(B)/demo

gallery: diffuse              ## make the pictures of the README again, in data/
	@sh tests/gallery.sh $(B)/diffuse

asan:                         ## the unit tests under address and undefined-behaviour sanitizers
	@$(MAKE) -s B=build/asan CFLAGS="$(SANITIZE)" unit

tsan:                         ## the unit tests that use threads, under the thread sanitizer
	@$(MAKE) -s B=build/tsan CFLAGS="-O1 -g -fsanitize=thread" build/tsan/tests/test_threads build/tsan/tests/test_parallel
	@build/tsan/tests/test_threads && build/tsan/tests/test_parallel

double:                       ## the unit tests with the network in double precision
	@$(MAKE) -s B=build/double CPPFLAGS=-DDF_DOUBLE unit

valgrind:                     ## the quick unit tests under valgrind
	@$(MAKE) -s B=build/valgrind CFLAGS="-O1 -g -gdwarf-4" RUN="valgrind -q --error-exitcode=9 --leak-check=full" unit

# What each file complained about is in build/analysis. Kernels are looked at in their widest form.
SET      := $(lastword $(SETS))
ANALYSES := $(patsubst %.c,$(B)/analysis/%.txt,$(LIBRARY_SOURCES) $(PROGRAM_SOURCES) $(wildcard tests/*.c))
analyze: $(ANALYSES)          ## clang-tidy (its checks are in .clang-tidy) and gcc -fanalyzer over every source file (minutes)
	@sh tests/analyze.sh $^
$(B)/analysis/src/base/kernels.txt: ALL_CFLAGS += $(FLAGS_$(SET)) -DDF_SET=$(SET)
$(B)/analysis/src/base/simd.txt: ALL_CFLAGS += '-DDF_SETS=X($(SET))'
$(B)/analysis/%.txt: %.c .clang-tidy | $(PAGES)
	@mkdir -p $(@D)
	$(Q)sh tests/analyze.sh $< -- $(CPPFLAGS) $(filter-out -MMD -MP,$(ALL_CFLAGS)) >$@

# Conditions are counted as they stand in the source, neither merged nor inlined.
COVERAGE = -O1 -g -fno-ssa-phiopt --param logical-op-non-short-circuit=0 \
           --coverage '-fprofile-exclude-files=include/.*;tests/.*;kernels\.c'
coverage:                     ## lines and branches that the quick tests take, file by file; fails below what is wanted (minutes)
	@$(MAKE) -s B=build/coverage CC=gcc CFLAGS="$(COVERAGE)" build/coverage/diffuse $(TESTS:$(B)/%=build/coverage/%) $(FUZZERS:$(B)/%=build/coverage/%)
	@sh tests/coverage.sh build/coverage

unit: $(B)/diffuse $(TESTS) $(FUZZERS)
	@RUN="$(RUN)" sh tests/unit.sh $(B)

fuzz:                         ## the readers of files under libFuzzer and sanitizers, FUZZ_SECONDS each (60); needs clang
	@if echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | clang -x c -fsanitize=fuzzer -o /dev/null - 2>/dev/null; then \
	    $(MAKE) -s B=build/fuzz CC=clang LDFLAGS=-fsanitize=fuzzer \
	    CFLAGS="-O1 -g -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all -DDF_FUZZER" hunt; \
	else echo 'skipped: clang with libFuzzer is not installed'; fi

hunt: $(FUZZERS)
	@sh tests/fuzz.sh $(B)

clean:                        ## remove everything that was built
	rm -rf build diffuse

help:                         ## list these targets
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: lib static install uninstall always test faults soak bits golden quality gallery papers demo asan tsan double valgrind unit fuzz hunt clean help diffuse bench analyze coverage
.SECONDARY:
-include $(wildcard $(B)/src/*/*.d $(B)/tests/*.d)
