# Everything a day with the gateway needs. `make` alone lists it.

COMPOSE := docker compose -f deploy/compose/docker-compose.yml
PYTHON ?=
ARGS ?=
export PYTHON

# Options that are on in an activated environment would leak into ours.
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV

.DEFAULT_GOAL := help
.PHONY: help setup run seed smoke load bench soak test check lock up down logs ps rebuild docker clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## Make .venv with the gateway, its plugins and the tools (PYTHON=python3.12 chooses)
	@scripts/setup

run: setup ## Serve on this machine
	@exec .venv/bin/claude-gateway serve $(ARGS)

seed: ## Put sample projects and a session into the running gateway (BASE_URL and API_KEY say which)
	@exec scripts/seed_data.sh

smoke: ## Try every endpoint of the running gateway (BASE_URL and API_KEY say which)
	@exec scripts/smoke.sh

load: ## Measure the running gateway under load (ARGS="--soak 600" goes on; needs wrk and ab)
	@exec scripts/load_test.sh $(ARGS)

bench: setup ## Compare the gateway with the thinnest server, some minutes (ARGS="--all --rounds 5" takes more)
	@exec scripts/bench $(ARGS)

soak: setup ## Watch memory over 100,000 answers, 10,000 of which nobody waits for: some ten minutes
	@exec env HOSTILE_TESTS=long .venv/bin/python -m pytest -s -k s18_memory tests/wire/test_hostile_crowds.py $(ARGS)

test: setup ## Run all tests (ARGS="-k words" chooses)
	@exec .venv/bin/python -m pytest $(ARGS)

check: setup ## Format, lint, types, import contracts, generated pages
	@exec scripts/check

lock: ## Renew the pinned and hashed dependencies (ARGS=--upgrade takes the newest)
	@exec $(or $(PYTHON),python3) scripts/lock $(ARGS)

up: docker ## Build the image and start it in the background
	$(COMPOSE) up --build --detach

down: docker ## Stop and remove the containers; what is stored stays
	$(COMPOSE) down

logs: docker ## Follow the log
	$(COMPOSE) logs --follow api

ps: docker ## Show the state of the containers
	$(COMPOSE) ps

rebuild: docker ## Build the image anew, without any cache, and start it
	$(COMPOSE) build --no-cache --pull
	$(COMPOSE) up --detach --force-recreate

docker:
	@docker compose version >/dev/null 2>&1 || { \
		echo "Docker with the compose plugin (2.24 or later) is needed here; without Docker, try: make run" >&2; exit 1; }

clean: ## Remove .venv and everything else that was generated
	rm -rf .venv .bench build dist htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache *.egg-info plugins/*/*.egg-info plugins/*/build tests/node/node_modules
	find claude_gateway plugins tests scripts docs -name __pycache__ -type d -prune -exec rm -rf {} +
