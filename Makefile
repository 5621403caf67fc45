# Everything a person needs: `make render IN=film.mov OUT=film-colour.mov` and `make test`. Both make their own virtual
# environment in .venv. PYTHON chooses the interpreter (3.11 or newer), ARGS goes to the command as it is.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PACKAGES := plugin server protos models
RENDERER := $(VENV)/.installed-renderer
DEVELOPER := $(VENV)/.installed-developer
PYTEST := $(BIN)/python -m pytest
WORKERS ?= 2
MELT ?= /var/tmp/kinemacolor-melt

.PHONY: help render demo serve test test-slow test-faults fuzz soak test-melt test-ofx-memory check format protos bench \
        bench-store bench-ofx cross-ofx clean

help:
	@echo "make render IN=film.mov OUT=film-colour.mov [ARGS='...']   colour a film (sets everything up)"
	@echo "make demo        colour a short clip made here and draw a side-by-side picture in demo-out/"
	@echo "make serve       run the colour server on this machine"
	@echo "make test        install the tools and run the quick tests"
	@echo "make test-slow   the tests that take minutes"
	@echo "make test-faults provoke every fault of docs/reliability.md, slow forms too, and print a table"
	@echo "make fuzz        100,000 damaged messages, snapshots and weights files each (KINEMACOLOR_FUZZ_COUNT)"
	@echo "make soak        a random mix of faults for half an hour (KINEMACOLOR_SOAK_MINUTES)"
	@echo "make test-melt   the effect in stock melt, set up in \$$(MELT) ($(MELT)); as root, on Debian"
	@echo "make test-ofx-memory   the effect's C part under gcc's sanitizers and valgrind; needs both"
	@echo "make check       ruff, mypy, import contracts"
	@echo "make bench       frames per second, split by stage"
	@echo "make bench-store what the chroma store takes and how fast it answers"
	@echo "make bench-ofx   what a host's frame costs in the OpenFX effect"
	@echo "make cross-ofx   compile the OpenFX effect for Linux, macOS and Windows into build/ofx"
	@echo "make format      let ruff format the code"
	@echo "make protos      regenerate the code of the contract"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Kinemacolor needs Python 3.11 or newer; set PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RENDERER): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[render,server]'
	@touch $@

$(DEVELOPER): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[render,server,compare,demo,dev]'
	@touch $(RENDERER) $@

render: $(RENDERER)
	@test -n "$(IN)" && test -n "$(OUT)" || { echo "usage: make render IN=film.mov OUT=film-colour.mov" >&2; exit 2; }
	@$(BIN)/kinemacolor render "$(IN)" "$(OUT)" $(ARGS)

demo: $(DEVELOPER)
	@$(BIN)/kinemacolor demo --out demo-out $(ARGS)

serve: $(RENDERER)
	@$(BIN)/kinemacolor serve $(ARGS)

check: $(DEVELOPER)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PACKAGES)
	$(BIN)/lint-imports

test: $(DEVELOPER)
	$(PYTEST) -n $(WORKERS) -m 'not slow and not melt and not soak' $(ARGS)

test-slow: $(DEVELOPER)
	$(PYTEST) -m 'slow and not soak' $(ARGS)

test-faults: $(DEVELOPER)
	$(PYTEST) -m 'fault and not soak' $(ARGS)

fuzz: $(DEVELOPER)
	KINEMACOLOR_FUZZ_COUNT=$${KINEMACOLOR_FUZZ_COUNT:-100000} $(PYTEST) -m fault -n $(WORKERS) tests/fuzz $(ARGS)

soak: $(DEVELOPER)
	$(PYTEST) -m 'soak and fault' tests/faults/test_soak.py $(ARGS)

test-melt: $(DEVELOPER)
	PYTHON=$(BIN)/python tests/melt/setup.sh $(MELT)
	KINEMACOLOR_MELT=$(MELT) $(PYTEST) -m melt $(ARGS)

test-ofx-memory: $(DEVELOPER)
	$(PYTEST) tests/ofx/test_shim_*.py --sanitize -n $(WORKERS) $(ARGS)

bench: $(RENDERER)
	@$(BIN)/kinemacolor bench $(ARGS)

bench-store: $(RENDERER)
	@$(BIN)/kinemacolor bench --store --frames 48 $(ARGS)

bench-ofx: $(DEVELOPER)
	@$(BIN)/python tests/bench/host_frames.py $(ARGS)
	@$(BIN)/python tests/bench/ofx_host.py $(ARGS)

# The release that has been tried: zig still changes from one to the next.
cross-ofx: $(RENDERER)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check ziglang==0.17.1
	$(BIN)/python -m kinemacolor.ofx.build build/ofx --cross

format: $(DEVELOPER)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

protos: $(DEVELOPER)
	$(BIN)/python protos/generate.py

clean:
	rm -rf $(VENV) build dist demo-out
