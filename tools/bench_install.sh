#!/bin/sh
# Makes .venv-bench with PyTorch and JAX (the group `bench` of pyproject.toml), for `make bench`
# alone: the course needs neither, and they stay out of requirements.lock.
set -eu
cd "$(dirname "$0")/.."
fresh=.venv-bench
uv=.venv/bin/uv
# Wheels that pip is told to look for in a folder are good enough for uv as well.
export UV_FIND_LINKS="${UV_FIND_LINKS:-${PIP_FIND_LINKS:-}}"
echo "Installing PyTorch and JAX into $fresh."
"$uv" venv --quiet --clear --python .venv/bin/python "$fresh"
install() {
    "$uv" pip install --quiet --python "$fresh/bin/python" --group bench "$@"
}
# PyTorch's own index has a build for processors only; elsewhere it brings 3 GB of CUDA along.
install --torch-backend cpu 2>/dev/null || install
touch "$fresh/.ready"
