#!/bin/sh
# Bring the servers that the tests of a deployment use: proxies, Redis, and Prometheus' checker of rules.
# Where there is no apt-get, those tests are skipped if their server is missing; where there is one, they fail.
set -eu

missing=""
need() { # PROGRAM PACKAGE
    if ! PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null 2>&1; then
        missing="$missing $2"
    fi
}
need nginx nginx-light
need apache2 apache2
need haproxy haproxy
need caddy caddy
need redis-server redis-server
need promtool prometheus
if [ -z "$missing" ]; then
    exit 0
fi

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Some tests of a deployment are skipped, since these servers are missing:$missing" >&2
    exit 0
fi
as_root=""
if [ "$(id -u)" != 0 ]; then
    as_root="sudo -n"
fi
echo "Installing$missing with apt …" >&2
if ! { $as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq \
    --no-install-recommends $missing; } >/dev/null 2>&1; then
    echo "Could not install them. Install them by hand:$missing" >&2
    exit 2
fi
