# Needs python3 (3.11 or newer) with pip or venv; everything else is fetched into this folder.
.DEFAULT_GOAL := help
.PHONY: help demo smoke up test check format load bench soak replay sbom advisories pin-images clean

UV := .uv/bin/uv
BY_HASH := --require-hashes -r deploy/uv.txt
RUN := .venv/bin/python
export UV_PYTHON_DOWNLOADS ?= never
MANIFESTS := pyproject.toml uv.lock $(wildcard libs/*/pyproject.toml services/*/pyproject.toml)

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: .venv/ready ## Everything on this machine, with a WhatsApp page to chat in; Ctrl-C ends it
	@$(RUN) -m devkit.stack demo

smoke: .venv/ready ## The same, headless: chats with two clients, prints one JSON line
	@$(RUN) -m devkit.stack smoke

up: .venv/ready ## Services, Kafka and PostgreSQL only, for a real WhatsApp and OpenAI (see README)
	@$(RUN) -m devkit.stack up

test: .venv/ready ## All tests, on a real Kafka and a real PostgreSQL
	@$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: .venv/ready ## Format, lint, types, import directions
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo

format: .venv/ready ## Format, and mend what the linter can
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

load: .venv/ready ## Load with a ledger: nothing lost, nothing answered twice, in order
	@$(RUN) -m devkit.stack load $(ARGS)

bench: .venv/ready ## Measure; prints one JSON document
	@$(RUN) -m tests.bench $(ARGS)

soak: .venv/ready ## An hour of load with a ledger: what is lost, grows or is logged; MINUTES=60
	@$(RUN) -m tests.bench.soak $(or $(MINUTES),60)

replay: .venv/ready ## Look at a topic's records, send raw webhooks again: make replay ARGS="--help"
	@$(RUN) scripts/replay.py $(ARGS)

sbom: .venv/ready ## What is in each image, as CycloneDX in build/sbom
	@$(RUN) -m deploy.supply_chain.sbom

# Exit code 3: it said NOT RUN.
advisories: .venv/ready ## Known flaws in what uv.lock names; NOT RUN where osv.dev is not reached
	@$(RUN) -m deploy.supply_chain.advisories || [ $$? = 3 ]

pin-images: .venv/ready ## Write the digests of the images that are not ours, from their registries
	@$(RUN) -m deploy.supply_chain.pin_images

clean: ## Remove what the other targets fetched and made
	rm -rf .uv .venv .conserje build .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Some systems have venv without pip, some pip without venv: either will do.
$(UV):
	@echo "Fetching uv"
	@{ python3 -m venv .uv && .uv/bin/pip install -q $(BY_HASH); } >/dev/null 2>&1 \
	  || python3 -m pip install -q --target .uv $(BY_HASH)

.venv/ready: $(MANIFESTS) | $(UV)
	@echo "Fetching the dependencies"
	@$(UV) sync --frozen --quiet --python python3
	@touch $@
