#!/bin/sh
# Makes .venv-nbgrader: nbgrader (the group `nbgrader` of pyproject.toml) in a layer over the
# course's packages, for the test that it reads the workbook's sources. Readers do not need it.
set -eu
cd "$(dirname "$0")/.."
layer=.venv-nbgrader
echo "Installing nbgrader into $layer."
.venv/bin/python -m venv --clear "$layer"
site='import sysconfig; print(sysconfig.get_path("purelib"))'
below='import sys; print("\n".join(p for p in sys.path if p.endswith("site-packages")))'
.venv/bin/python -c "$below" > "$("$layer/bin/python" -c "$site")/course.pth"
.venv/bin/python -c 'import tomllib; print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["nbgrader"]))' > "$layer/wanted.txt"
"$layer/bin/python" -m pip install --quiet --disable-pip-version-check --compile -r "$layer/wanted.txt"
"$layer/bin/nbgrader" --version
touch "$layer/.ready"
