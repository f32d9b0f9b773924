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
mkdir -p "$fresh/share/jupyter/kernels/colab"
cat > "$fresh/share/jupyter/kernels/colab/kernel.json" <<JSON
{
  "argv": ["$PWD/$fresh/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
  "display_name": "Colab, simulated",
  "language": "python"
}
JSON
touch "$fresh/.ready"
