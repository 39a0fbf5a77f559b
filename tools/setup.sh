#!/bin/sh
# Makes the virtual environment named by the first argument. Called by make; safe to run again.
set -eu

venv=$1

python=${PYTHON:-}
for candidate in python3.11 python3; do
    [ -n "$python" ] && break
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
        python=$candidate
    fi
done
if [ -z "$python" ]; then
    echo "setup: Python 3.11 is needed and was not found (set PYTHON=/path/to/python3.11)" >&2
    exit 2
fi

# Debian and Ubuntu keep ensurepip in a package of its own.
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    if [ "$(id -u)" = 0 ]; then as_root=; else as_root='sudo -n'; fi
    echo "setup: installing python3.11-venv" >&2
    $as_root apt-get update -qq && $as_root apt-get install -y -qq python3.11-venv || {
        echo "setup: install the Debian package python3.11-venv, then run make again" >&2
        exit 2
    }
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
# One command, because packages added one after another do not resolve. With the exact pin of
# torch, pip takes a CPU build wherever an index or --find-links offers one.
"$venv/bin/python" -m pip install --disable-pip-version-check --progress-bar off \
    --constraint constraints.txt --editable '.[all,test]'
"$venv/bin/python" -m pip check
