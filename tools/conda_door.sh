#!/bin/sh
# Tests the conda door without conda: installs exactly the `pip:` section of
# environment.yml into a fresh environment, as conda would, and asks `aigc doctor`.
set -eu
cd "$(dirname "$0")/.."
fresh=.venv-conda-door
.venv/bin/python -m venv --clear "$fresh"
.venv/bin/python - environment.yml > "$fresh/pip-section.txt" <<'PY'
import sys, yaml
dependencies = yaml.safe_load(open(sys.argv[1], encoding="utf-8"))["dependencies"]
print("\n".join(next(d["pip"] for d in dependencies if isinstance(d, dict))))
PY
sh tools/packages.sh "$fresh/bin/python" -r "$fresh/pip-section.txt"
"$fresh/bin/aigc" doctor
"$fresh/bin/python" -m jupyterlab --version
rm -rf "$fresh"
