# make demo: set up, then the default job into runs/mnist
# make test: set up, then the whole test suite

VENV := .venv
READY := $(VENV)/.ready
HOST := host-litert,host-executorch,host-onnx
BOARDS := cortex-m3 cortex-m4 cortex-m7 cortex-m33 cortex-m55 riscv32
PHONES := $(foreach core,a53 a76,phone-$(core)-litert phone-$(core)-executorch phone-$(core)-onnx) \
	android-arm64-litert android-arm64-c

.PHONY: demo test check clean

# Where compiler and emulator cannot be installed, the demo does without the microcontroller.
demo: $(READY)
	if $(VENV)/bin/edgekd setup cortex-m4; then mcu=,cortex-m4; fi; \
	$(VENV)/bin/edgekd run mnist --targets $(HOST)$$mcu --out runs/mnist

test: $(READY)
	sh tools/setup-browser.sh
	$(VENV)/bin/edgekd setup $(BOARDS) $(PHONES) --tool tflite-support
	$(VENV)/bin/python -m tools.android || test -z "$$CI"
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n 2 --dist loadfile

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
