#!/bin/sh
# Makes .venv-colab: what a notebook of the course finds in Colab, at the versions that Colab
# has (constraints/colab.txt), without the course's own package, which the bootstrap cell installs.
# The Python is this machine's; Colab's is 3.13.
set -eu
cd "$(dirname "$0")/.."
fresh=.venv-colab
echo "Installing what Colab has into $fresh: about 2.5 GB."
.venv/bin/python -m venv --clear "$fresh"
.venv/bin/python - > "$fresh/wanted.txt" <<'PY'
import re, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
names = [re.split(r"[<>=!~ \[;]", line)[0] for line in project["dependencies"]]
print("\n".join([*names, "ipykernel", "pip"]))
PY
# Colab's tifffile wants Python 3.12; scikit-image needs some tifffile, and the course none.
grep -E '^[A-Za-z0-9._-]+==' constraints/colab.txt | grep -vE '^(pip|tifffile)==' > "$fresh/pins.txt"
"$fresh/bin/python" -m pip install --quiet --disable-pip-version-check --compile -r "$fresh/wanted.txt" -c "$fresh/pins.txt"

# Chapters that ask for more than Colab has: what pip adds there, with Colab's versions held, goes
# into a layer of its own, so that chapters that do not ask find what Colab has and nothing else.
layer="$fresh/scenarios"
.venv/bin/python -m venv --clear "$layer"
site='import sysconfig; print(sysconfig.get_path("purelib"))'
"$fresh/bin/python" -c "$site" > "$("$layer/bin/python" -c "$site")/colab.pth"
.venv/bin/python -c 'import tomllib; print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["scenarios"]))' > "$layer/wanted.txt"
"$layer/bin/python" -m pip install --quiet --disable-pip-version-check --compile -r "$layer/wanted.txt" -c "$fresh/pins.txt"

kernel() { # name, interpreter
    mkdir -p "$fresh/share/jupyter/kernels/$1"
    cat > "$fresh/share/jupyter/kernels/$1/kernel.json" <<JSON
{
  "argv": ["$PWD/$2", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
  "display_name": "Colab, simulated",
  "language": "python"
}
JSON
}
kernel colab "$fresh/bin/python"
kernel colab-scenarios "$layer/bin/python"
touch "$fresh/.ready"
