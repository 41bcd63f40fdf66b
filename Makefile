# Needs Python 3.11 or 3.12 and make, nothing else. PYTHON=/path/to/python chooses the interpreter.

bin := .venv/bin
outside_the_run := not shared and not tf_serving and not fuxictr
# A test is mostly one thread that traces. A file stays together, for what its tests share.
side_by_side := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --durations 10

.PHONY: help setup demo quality bench-layers test test-slow lint types lock clean

help:
	@echo "make demo       from real logs to ranked products, once through everything; STEPS=200 trains that many steps"
	@echo "make quality    rankers beside what one would otherwise take; STUDY=complete-journey-sampled, BUDGET=minutes"
	@echo "make bench-layers  the layers' speed and memory beside padded Keras and other mixtures; some 20 minutes"
	@echo "make test       the tests"
	@echo "make test-slow  the tests that take longer"
	@echo "make lint       ruff"
	@echo "make types      mypy"
	@echo "make setup      .venv from the lock; the others call it"
	@echo "make lock       requirements/lock-*.txt from setup.py"
	@echo "make clean      removes all that make made, .venv too"

setup:
	@sh tools/with_python.sh tools/bootstrap.py

demo: setup
	@$(bin)/python tools/demo.py $(if $(STEPS),--train-steps $(STEPS))

quality: setup
	@$(bin)/mos bench quality $(or $(STUDY),complete-journey-sampled) --budget $(or $(BUDGET),minutes)

bench-layers: setup
	$(bin)/python -m benchmarks.layers compare

test: setup
	$(bin)/pytest $(side_by_side)

test-slow: setup
	$(bin)/pytest $(side_by_side) -m "slow and $(outside_the_run)"

lint: setup
	$(bin)/ruff check
	$(bin)/ruff format --check

types: setup
	$(bin)/mypy

compile := $(bin)/uv pip compile --quiet --no-annotate --generate-hashes --custom-compile-command "make lock" \
	--python-platform x86_64-manylinux_2_39

lock: setup
	$(compile) requirements/installer.in --python-version 3.11 --output-file requirements/installer.txt
	$(compile) setup.py --extra all --constraint requirements/constraints.txt --python-version 3.11 \
		--output-file requirements/lock-py311.txt
	$(compile) setup.py --extra all --constraint requirements/constraints.txt --python-version 3.12 \
		--output-file requirements/lock-py312.txt

clean:
	rm -rf .venv build dist tools/farmhash/build tools/farmhash/*.egg-info *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
