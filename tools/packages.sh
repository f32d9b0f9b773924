#!/bin/sh
# packages.sh PYTHON ARGUMENTS: `pip install ARGUMENTS` for that Python, with bytecode, without which
# each import of TensorFlow costs 5 s more.
# uv, which requirements.lock pins, needs a quarter of pip's time. Where it is missing or does not
# manage, pip installs.
set -eu
python=$1
shift
# uv does not read pip's settings, of which a mirror is one.
index=${PIP_INDEX_URL:-$("$python" -m pip config get global.index-url 2>/dev/null || true)}
[ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
for uv in "$(dirname "$python")/uv" .venv/bin/uv; do
    [ -x "$uv" ] || continue
    "$uv" pip install --quiet --python "$python" --compile-bytecode "$@" && exit
    echo "uv did not manage, so pip installs that, which takes longer." >&2
    break
done
exec "$python" -m pip install --quiet --disable-pip-version-check --compile "$@"
