# Omnigate: everything a contributor or a newcomer runs. Needs Python 3.11+ and make; the rest is
# installed into .venv and node_modules, and by apt where a test needs a program of the system.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev
NODE_STAMP := node_modules/.installed
JUDGES := tests/emulators/judges.txt
FLOOR ?= $(wildcard ../shared/bench/floor.py)
PYTEST ?=
# How many tests run at once: about half of the time of one is waiting for processes of its own.
WORKERS ?= 4

# Bash functions that the recipes share.
define FUNCTIONS
say() { if [ -t 1 ]; then printf '\033[2m· %s\033[0m\n' "$$*"; else printf '· %s\n' "$$*"; fi; }
fail() { printf '%s\n  %s\n' "$$1" "$$2" >&2; exit 1; }
as_root() { if [ "$$(id -u)" = 0 ]; then "$$@"; else sudo "$$@"; fi; }
apt_install() {
  command -v apt-get >/dev/null || return 1
  # RUNLEVEL: servers that come along are not started; the tests start their own.
  say "installing $$* (apt)"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "$$@" >/dev/null
}
find_python() {
  for name in $${PYTHON:-python3.13 python3.12 python3.11 python3}; do
    if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo "$$name"; return; fi
  done
  fail "No Python 3.11 or newer was found." "Install one, or name it: make PYTHON=/path/to/python3.12 …"
}
make_venv() {
  if "$(BIN)/python" -m pip --version >/dev/null 2>&1; then return; fi
  local python version; python=$$(find_python)
  version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  say "making $(VENV) with Python $$version"
  if ! "$$python" -m venv --clear $(VENV) >/dev/null 2>&1; then
    apt_install "python$$version-venv" || fail "Python $$version cannot make a virtual environment." "Install its venv module, then run make again."
    "$$python" -m venv --clear $(VENV)
  fi
}
pip_install() { "$(BIN)/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt "$$@"; }
endef

.PHONY: help
help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

$(RUN_STAMP): pyproject.toml constraints.txt
	@$(FUNCTIONS)
	make_venv
	say "installing Omnigate into $(VENV)"
	pip_install --editable '.[all]'
	touch $@

# A judge of the emulators asks for older versions than we run with: it is installed beside them as it
# is, so that its wishes hold nothing back. The tests that call it show that it works so.
$(DEV_STAMP): pyproject.toml constraints.txt $(JUDGES)
	@$(FUNCTIONS)
	make_venv
	say "installing Omnigate and its development tools into $(VENV)"
	pip_install --editable '.[all,dev]'
	pip_install --no-deps --requirement $(JUDGES)
	touch $@ $(RUN_STAMP)

$(NODE_STAMP): package.json
	@$(FUNCTIONS)
	if ! command -v npm >/dev/null; then
	  apt_install nodejs npm || fail "npm was not found." "Install Node.js 20 or newer, then run make again."
	fi
	say "installing the checkers of the widget and the emulators (npm)"
	npm install --silent --no-audit --no-fund --no-package-lock
	touch $@

.PHONY: setup
setup: $(DEV_STAMP)  ## Install everything for development into .venv

.PHONY: demo
demo: $(RUN_STAMP)  ## Start a whole working gateway with a page to try it
	@exec $(BIN)/omnigate demo $(DEMO)

.PHONY: check
check: $(DEV_STAMP) $(NODE_STAMP)  ## Format, lint, types, import rule
	@$(FUNCTIONS)
	say "format"; $(BIN)/ruff format --quiet --check . || fail "Some files are not formatted." "Run: $(BIN)/ruff format ."
	say "lint"; $(BIN)/ruff check --quiet .
	say "types of Python"; $(BIN)/mypy --no-error-summary
	say "import rule"; $(BIN)/lint-imports >$(VENV)/.imports 2>&1 || { cat $(VENV)/.imports; exit 1; }
	say "types of JavaScript"; npm run --silent types
	echo "check: all good"

.PHONY: system
system:
	@$(FUNCTIONS)
	missing=()
	command -v chromium >/dev/null || missing+=(chromium)
	command -v curl >/dev/null || missing+=(curl)
	command -v openssl >/dev/null || missing+=(openssl)
	command -v strace >/dev/null || missing+=(strace)
	[ -x /usr/sbin/dovecot ] || missing+=(dovecot-core dovecot-imapd dovecot-lmtpd)
	[ -x /usr/sbin/postfix ] || missing+=(postfix)
	[ -x /usr/sbin/bearerbox ] || missing+=(kannel kannel-extras)
	command -v node >/dev/null && command -v npm >/dev/null || missing+=(nodejs npm)
	fonts=$$(fc-list 2>/dev/null || true)
	grep -qi 'dejavu' <<<"$$fonts" || missing+=(fontconfig fonts-dejavu-core)
	grep -qi 'emoji' <<<"$$fonts" || missing+=(fonts-noto-color-emoji)
	if [ $${#missing[@]} -gt 0 ]; then
	  apt_install "$${missing[@]}" || say "not installed here: $${missing[*]}; what needs them is named at the end as not run"
	fi

.PHONY: test
test: $(DEV_STAMP) system $(NODE_STAMP)  ## The whole test-suite, system packages included
	@$(BIN)/python -m tests.whole --numprocesses $(WORKERS) --dist loadfile $(PYTEST)

SUITES ?= bullseye sid

JASMIN := $(VENV)/jasmin
JASMIN_WANTED := tests/plugins/sms/jasmin.txt
JASMIN_STAMP := $(JASMIN)/.installed

$(JASMIN_STAMP): $(JASMIN_WANTED)
	@$(FUNCTIONS)
	[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] && command -v redis-server >/dev/null ||
	  apt_install rabbitmq-server redis-server || fail "RabbitMQ or Redis was not found." "Install both, then run make again."
	say "installing Jasmin into $(JASMIN)"
	"$(BIN)/python" -m venv --clear $(JASMIN)
	"$(JASMIN)/bin/python" -m pip install --quiet --disable-pip-version-check --requirement $(JASMIN_WANTED)
	touch $@

.PHONY: test-jasmin
test-jasmin: $(DEV_STAMP) $(NODE_STAMP) $(JASMIN_STAMP)  ## SMS through a real Jasmin, which make test does without
	@$(BIN)/python -m pytest -q tests/plugins/sms/links/check_jasmin.py $(PYTEST)

.PHONY: test-asterisk
test-asterisk: $(DEV_STAMP)  ## Calls through a real Asterisk (SUITES of Debian: bullseye sid); needs root
	@$(FUNCTIONS)
	if ! command -v debootstrap >/dev/null || ! command -v sipp >/dev/null || ! command -v ss >/dev/null; then
	  apt_install debootstrap sip-tester iproute2 || fail "debootstrap, sipp or ss was not found." "Install debootstrap, sip-tester and iproute2."
	fi
	$(BIN)/python -m tests.asterisk.prepare $(SUITES)
	# In a network of its own, which has only loopback: nobody but the phones of the tests is ever called.
	SUITES="$(SUITES)" RECORD="$(RECORD)" unshare --net bash -c 'ip link set lo up && exec "$$@"' - \
	  $(BIN)/python -m pytest -q --numprocesses $(WORKERS) tests/asterisk/check_*.py $(PYTEST)

.PHONY: proof-power
proof-power: $(DEV_STAMP) system  ## Cut the power at CUTS (1000) moments: nothing acknowledged is lost
	@$(BIN)/python -m proofs.power --cuts $(or $(CUTS),1000)

.PHONY: bench
bench: $(DEV_STAMP)  ## Messages per second, beside the least that any gateway must do
	@$(BIN)/python bench/throughput.py $(if $(FLOOR),--floor $(FLOOR)) $(BENCH)

.PHONY: proof-kill
proof-kill: $(DEV_STAMP)  ## Kill the daemon LOOPS times (500) at random moments: nothing is lost
	@$(BIN)/python -m proofs.kill --loops $(or $(LOOPS),500) $(if $(SEED),--seed $(SEED))

.PHONY: proof-soak
proof-soak: $(DEV_STAMP)  ## Constant load for MINUTES (10) at RATE (200) a second: nothing grows
	@$(BIN)/python -m proofs.soak --minutes $(or $(MINUTES),10) --rate $(or $(RATE),200) $(if $(SEED),--seed $(SEED))

.PHONY: bench-claims
bench-claims: $(DEV_STAMP)  ## What a claim costs with 10 thousand, 1 and 10 million messages (13 GB, minutes)
	@$(BIN)/python bench/claims.py $(BENCH)

.PHONY: bench-parsing
bench-parsing: $(DEV_STAMP)  ## Updates per second and core that each platform's channel parses
	@$(BIN)/python bench/parsing.py $(BENCH)

.PHONY: bench-smpp
bench-smpp: $(DEV_STAMP) $(NODE_STAMP)  ## Texts per second through one SMPP bind
	@$(BIN)/python -m bench.smpp $(BENCH)

.PHONY: clean
clean:  ## Remove everything that make has made
	@rm -rf $(VENV) node_modules build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .schemathesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
