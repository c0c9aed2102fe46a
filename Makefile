# make demo    three variants head-to-head on digits and on a ring of Gaussians
# make test    every test; narrowed by `make test plugin=dcgan`
# make lint types check
# make coverage   the lines of the core that no test executes; fails below 95 %
# make full    the soak of interruptions and the fuzzer; both take long, and CI runs a short form;
#              and a count of the published emoji
# make dist    core and every plugin under dist/: source distributions, and wheels made from them

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt
PLUGINS := $(sort $(wildcard plugins/ganzoo-*))
# On points dcgan is refused, with its reason; latents have two dimensions, as in PacGAN's
# protocol, and wgan-gp the penalty's weight of its paper's toy.
RING := vanilla dcgan 'wgan-gp@wgan-gp:gradient-penalty.weight=0.1,batch=256' \
	'hinge+r1@vanilla:loss=hinge,regularizer=r1,r1.weight=0.1'
TESTS := $(if $(plugin),plugins/ganzoo-$(plugin),tests $(PLUGINS))

.PHONY: demo test coverage lint types check full dist clean

demo: $(VENV)/.demo
	rm -rf demo
	$(BIN)/ganzoo plugins
	$(BIN)/ganzoo bench vanilla dcgan wgan-gp --data digits --seconds 10 --seeds 2 --processes 2 \
		--out demo/digits
	$(BIN)/ganzoo bench $(RING) --data ring --set sampler.dim=2 --seconds 15 --seeds 2 --processes 2 \
		--out demo/ring

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 $(TESTS)

coverage: $(VENV)/.dev
	rm -rf build/coverage
	mkdir -p build/coverage
	$(BIN)/coverage run -m pytest -n 2 $(TESTS)
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache --no-logo

types: $(VENV)/.dev
	$(BIN)/mypy

check: lint types test

full: $(VENV)/.dev
	$(BIN)/python benchmarks/soak.py
	$(BIN)/python benchmarks/fuzz --minutes 10
	$(BIN)/ganzoo data fetch emoji
	$(BIN)/python tools/count_emoji.py

dist: $(VENV)/.dev
	rm -rf dist
	for project in . $(PLUGINS); do \
		$(BIN)/python -m build --no-isolation --outdir dist $$project || exit 1; \
	done

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml constraints.txt $(wildcard plugins/*/pyproject.toml)
	$(INSTALL) -e '.[report]' $(addprefix -e ,$(PLUGINS))
	touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(INSTALL) -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo build dist
