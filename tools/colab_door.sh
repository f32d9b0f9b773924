#!/bin/sh
# Makes .venv-colab: what a notebook of the course finds in Colab, at the versions that Colab
# has (constraints/colab.txt), without the course's own package, which the bootstrap cell installs.
# Colab's Python is 3.13: this machine's 3.13 is taken where there is one, on PATH, from pyenv or
# from uv, and else the course's own Python, which the script then says.
set -eu
cd "$(dirname "$0")/.."
fresh=.venv-colab
python=.venv/bin/python
left_out='pip|tifffile' # Colab's wants Python 3.12; scikit-image needs some, the course none
for candidate in "$(command -v python3.13 || true)" \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13.*/bin/python \
    "$(.venv/bin/uv python dir)"/cpython-3.13.*/bin/python; do
    # A shim of pyenv's is found and does not run.
    if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
        python=$candidate
        left_out='pip'
        break
    fi
done
[ "$left_out" = pip ] ||
    echo "This machine has no Python 3.13, which Colab has: the simulated Colab runs on $("$python" --version)."
echo "Installing what Colab has into $fresh, with $("$python" --version): about 2.5 GB."
"$python" -m venv --clear "$fresh"
.venv/bin/python - > "$fresh/wanted.txt" <<'PY'
import re, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
names = [re.split(r"[<>=!~ \[;]", line)[0] for line in project["dependencies"]]
print("\n".join([*names, "ipykernel", "pip"]))
PY
grep -E '^[A-Za-z0-9._-]+==' constraints/colab.txt | grep -vE "^($left_out)==" > "$fresh/pins.txt"
sh tools/packages.sh "$fresh/bin/python" -r "$fresh/wanted.txt" -c "$fresh/pins.txt"

# Chapters that ask for more than Colab has: what pip adds there, with Colab's versions held, goes
# into a layer of its own, so that chapters that do not ask find what Colab has and nothing else.
layer="$fresh/scenarios"
"$python" -m venv --clear "$layer"
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
