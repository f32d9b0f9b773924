#!/bin/sh
# Makes .venv with exactly the packages of requirements.lock and this project on top; or installs
# them into an environment that is there already, which AIGC_INSTALL_INTO names, as Binder's is.
# Called by make, where a second call costs nothing, because make compares dates; and by the doors
# .devcontainer/ and postBuild.
set -eu
cd "$(dirname "$0")/.."

good() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

into=${AIGC_INSTALL_INTO:-.venv}
chosen=""
for candidate in ${AIGC_INSTALL_INTO:+"$into/bin/python"} ${PYTHON:-} python3.13 python3.12 python3.11 python3 python; do
    if command -v "$candidate" >/dev/null 2>&1 && good "$candidate"; then
        chosen=$candidate
        break
    fi
done
if [ -z "$chosen" ]; then
    found=$(python3 --version 2>/dev/null || echo "no Python")
    echo "This course needs Python 3.11, 3.12 or 3.13 and found $found: type 'sudo apt-get install python3.11 python3.11-venv' (Debian, Ubuntu) or 'brew install python@3.13' (macOS), then 'make lab' again." >&2
    exit 1
fi
if [ "$into" = .venv ] && ! "$chosen" -c 'import venv, ensurepip' 2>/dev/null; then
    minor=$("$chosen" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "Python at $chosen lacks venv: type 'sudo apt-get install python$minor-venv', then the same make command again." >&2
    exit 1
fi

echo "Installing the course into $into with $($chosen --version): about 3 GB, two to four minutes."
[ "$into" != .venv ] || { [ -x .venv/bin/python ] && good .venv/bin/python; } || "$chosen" -m venv --clear .venv
awk '/^uv==/ { on = 1 } on { print } on && !/\\$/ { exit }' requirements.lock > "$into/uv.txt"
"$into/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$into/uv.txt"
rm "$into/uv.txt"
sh tools/packages.sh "$into/bin/python" --require-hashes -r requirements.lock
sh tools/packages.sh "$into/bin/python" --require-hashes --no-deps -r requirements-llm.lock
sh tools/packages.sh "$into/bin/python" --no-deps --no-build-isolation --editable .
# JupyterLab asks its users whether it may fetch news; here nothing touches the network.
mkdir -p "$into/share/jupyter/lab/settings"
cat > "$into/share/jupyter/lab/settings/overrides.json" <<'JSON'
{
  "@jupyterlab/apputils-extension:notification": {
    "fetchNews": "false",
    "checkForUpdates": false,
    "doNotDisturbMode": true
  }
}
JSON
[ "$into" != .venv ] || touch .venv/.ready
