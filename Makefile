# make demo: set up, then the default job into runs/mnist
# make test: set up, then the whole test suite

VENV := .venv
READY := $(VENV)/.ready

.PHONY: demo test check clean

demo: $(READY)
	$(VENV)/bin/edgekd run mnist --out runs/mnist

test: $(READY)
	sh tools/setup-browser.sh
	$(VENV)/bin/python -m pytest

# What pre-commit runs, over everything.
check: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

$(READY): pyproject.toml constraints.txt tools/setup.sh
	sh tools/setup.sh $(VENV)
	touch $@

clean:
	rm -rf $(VENV) runs .cache
