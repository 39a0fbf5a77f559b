#!/bin/sh
# Chromium for the tests that look at the report. Where it cannot be installed they say so and skip.
set -u

if command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1; then
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
    exit 0
fi
if [ "$(id -u)" = 0 ]; then as_root=; else as_root='sudo -n'; fi
echo "setup: installing chromium for the browser tests" >&2
DEBIAN_FRONTEND=noninteractive $as_root apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends \
        chromium >/dev/null ||
    echo "setup: chromium could not be installed; its tests will be skipped" >&2
exit 0
