#!/bin/sh
# What the tests need from the system: a browser, a font that draws Chinese, `ip` to bring up
# the loopback of a network namespace, and bubblewrap, the sandbox of `aigc grade`. Installed
# where we are root; named elsewhere.
set -eu
missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
[ -n "$(fc-list :lang=zh 2>/dev/null)" ] || missing="$missing fontconfig fonts-wqy-microhei"
[ "$(uname)" != Linux ] || command -v bwrap >/dev/null 2>&1 || missing="$missing bubblewrap"
command -v ip >/dev/null 2>&1 || missing="$missing iproute2"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing$missing with apt-get."
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    { apt-get -qq update && apt-get -qq install -y --no-install-recommends $missing; } >/dev/null
    exit 0
fi
echo "Tests that need$missing will fail: type 'sudo apt-get install$missing' to have them pass, or set AIGC_STRICT=0 to leave them out." >&2
case "$missing" in
*bubblewrap*) echo "Those of the sandbox are left out with AIGC_SANDBOX=optional." >&2 ;;
esac
[ -z "${CI:-}" ] # under CI a missing piece is a failure
