# Everything a person runs here is a target; `make help` lists them.

VENVS := .venv/3008/.stamp .venv/3006/.stamp
# One more than two cores: each has a lab of its own in the integration tests, which wait more than they work.
PYTEST := bin/python -m pytest -q --numprocesses 3
PYTEST3008 := .venv/3008/$(PYTEST)
PYTEST3006 := .venv/3006/$(PYTEST)
LAB := demo
MACHINE := controller1
PREFIX := /usr/share/salt-formulas
FORMULA := octavia _modules _states
DEB_TOOLS := debhelper dpkg-dev lintian

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- the two commands

.PHONY: demo
demo: ## deploy Octavia in a throw-away lab, down to HTTP through a real amphora
	@python3 tests/lab demo --name $(LAB)

.PHONY: test
test: venvs lab ## lint, unit, render (both Salt versions), integration
	@echo "== Salt 3006: unit, render"
	@$(PYTEST3006) -m "not lint and not slow" tests/unit tests/render
	@echo "== Salt 3008: lint, unit, render, integration"
	@$(PYTEST3008) -m "not slow" tests/unit tests/render tests/integration

# --- more and less than `test`

.PHONY: test-all
test-all: venvs lab ## test, and what is too slow for every day
	@echo "== Salt 3006: unit, render"
	@$(PYTEST3006) -m "not lint" tests/unit tests/render
	@echo "== Salt 3008: everything"
	@$(PYTEST3008) tests/unit tests/render tests/integration

.PHONY: fast
fast: lint unit render ## what needs no lab

.PHONY: lint
lint: .venv/3008/.stamp ## ruff, yamllint, salt-lint, documents
	$(PYTEST3008) -m lint tests/unit

.PHONY: unit
unit: $(VENVS) ## the Python, on both Salt versions
	$(PYTEST3006) -m "not lint and not slow" tests/unit
	$(PYTEST3008) -m "not lint and not slow" tests/unit

.PHONY: render
render: $(VENVS) ## every SLS for every test pillar, on both Salt versions
	$(PYTEST3006) -m "not slow" tests/render
	$(PYTEST3008) -m "not slow" tests/render

.PHONY: integration
integration: .venv/3008/.stamp lab ## the formula on real machines, in the lab
	$(PYTEST3008) -m "not slow" tests/integration

.PHONY: bench
bench: .venv/3008/.stamp lab ## what a converged run costs
	.venv/3008/bin/python tests/bench

.PHONY: options
options: .venv/3008/.stamp ## octavia/options.yaml anew, from the Octavia of each release
	.venv/3008/bin/python tests/options

# --- the lab

.PHONY: lab
lab: ## prepare the lab's machines
	@python3 tests/lab prepare

.PHONY: lab-shell
lab-shell: ## a shell in a machine: MACHINE=controller1 LAB=demo
	@python3 tests/lab shell $(MACHINE) --name $(LAB)

.PHONY: lab-clean
lab-clean: ## remove every machine, mount and interface of all labs
	@python3 tests/lab clean

.PHONY: kitchen
kitchen: .venv/3008/.stamp ## all suites with test-kitchen and kitchen-salt (Ruby, not installed here)
	PATH="$(CURDIR)/.venv/3008/bin:$$PATH" kitchen test

# --- packaging

.PHONY: install
install: $(FORMULA) ## copy the formula and its reclass classes to DESTDIR
	find $(FORMULA) -type f -not -name '*.pyc' -print0 | \
		xargs -0 -I{} install -D -m 644 {} $(DESTDIR)$(PREFIX)/env/{}
	cd metadata/service && find . -type f -print0 | \
		xargs -0 -I{} install -D -m 644 {} $(DESTDIR)$(PREFIX)/reclass/service/octavia/{}

.PHONY: deb
deb: ## build the Debian package into build/
	@command -v dh >/dev/null && command -v lintian >/dev/null || { apt-get -qq update && \
		DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends $(DEB_TOOLS) >/dev/null; }
	rm -rf build/deb && mkdir -p build/deb/src
	tar -c --exclude=__pycache__ $(FORMULA) metadata debian Makefile LICENSE README.rst pillar.example | \
		tar -x -C build/deb/src
	cd build/deb/src && dpkg-buildpackage -us -uc -b --no-check-builddeps
	lintian --fail-on error,warning build/deb/*.changes
	mv build/deb/salt-formula-octavia_* build/
	rm -rf build/deb

# --- housekeeping

# Both at once, also when nobody said -j.
.PHONY: venvs
venvs:
	@$(MAKE) --no-print-directory -s -j2 $(VENVS)

# One virtualenv per Salt version, rebuilt when its requirements change.
.venv/%/.stamp: tests/requirements.txt tests/requirements-salt%.txt tests/requirements-openstack%.txt | .venv/tools
	@echo "== virtualenv with Salt $*"
	rm -rf .venv/$*
	python3 -m venv .venv/$*
	.venv/$*/bin/pip install -qq --disable-pip-version-check $(addprefix -r ,$(filter %.txt,$^))
	touch $@

# What `python3 -m venv`, the compiled wheels, salt-ssh and the tests of certificates need; apt only where it is missing.
.venv/tools:
	@mkdir -p .venv
	@python3 -c 'import ensurepip, os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' \
		2>/dev/null && command -v gcc >/dev/null && command -v ssh >/dev/null && command -v openssl >/dev/null && \
		command -v gpg-agent >/dev/null || \
		{ echo "== packages of the host" && apt-get -qq update && \
			DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends \
			python3-venv python3-dev gcc openssh-client openssl gpg gpg-agent >/dev/null; }
	@touch $@

.PHONY: clean
clean: ## remove what was built here, virtualenvs included
	rm -rf .venv build .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
