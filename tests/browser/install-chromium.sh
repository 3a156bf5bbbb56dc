#!/bin/sh
# Bring a Chromium for the browser tests: one that is there, else the package manager's, else playwright's own.
#   install-chromium.sh PYTHON
set -eu

for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then
        exit 0
    fi
done

as_root=""
if [ "$(id -u)" != 0 ]; then
    as_root="sudo -n"
fi
if command -v apt-get >/dev/null 2>&1 && $as_root true 2>/dev/null; then
    echo "Installing Chromium with apt (about a minute, 600 MB) …" >&2
    if $as_root apt-get update -qq >/dev/null 2>&1 &&
        DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq chromium >/dev/null 2>&1; then
        exit 0
    fi
fi

echo "Installing playwright's Chromium (about a minute, 300 MB) …" >&2
if ! "$1" -m playwright install --with-deps chromium >/dev/null 2>&1 &&
    ! "$1" -m playwright install chromium >/dev/null 2>&1; then
    echo "Could not install Chromium for the browser tests. Install it by hand, or set RATER_CHROMIUM to one." >&2
    exit 2
fi
