#!/bin/sh
# Runs a script with the first Python 3.11 or 3.12 that really starts (a version manager's shim may exist and not run).
# An environment that is there already keeps its interpreter. PYTHON=/path/to/python leaves no choice.

for python in ${PYTHON:-.venv/bin/python python3.11 python3.12 python3 python}; do
    if "$python" -c 'import sys; sys.exit(sys.version_info[:2] not in [(3, 11), (3, 12)])' >/dev/null 2>&1; then
        exec "$python" "$@"
    fi
done

if [ -n "$PYTHON" ]; then
    echo "setup: PYTHON=$PYTHON is not a working Python 3.11 or 3.12; name another one or leave PYTHON unset" >&2
else
    echo "setup: no Python 3.11 or 3.12 found; install one, or name it: make setup PYTHON=/path/to/python3.11" >&2
fi
exit 1
