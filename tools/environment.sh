#!/bin/sh
# Makes .venv from the pinned requirements: tools/environment.sh run|dev. Quick when nothing changed. No root needed.
#   run: what the product needs (make demo).   dev: what its tests and checks need besides (everything else).
set -eu
kind=${1:?run or dev}
cd "$(dirname "$0")/.."
here=$(pwd -P)

python=${PYTHON:-}
if [ -z "$python" ]; then
    for candidate in python3 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
fi
if [ -z "$python" ]; then
    echo "Python 3.11 or newer is needed. Debian, Ubuntu: sudo apt-get install python3 python3-venv" >&2
    exit 1
fi

# The clone's place is part of the stamp: a virtual environment can't be moved.
stamp_of() {
    { "$python" -c 'import sys; print(sys.version)'; echo "$here"; cat "requirements/$1.txt" tools/environment.sh; } |
        "$python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
}
fits() { [ -f ".venv/.stamp-$1" ] && [ "$(cat ".venv/.stamp-$1")" = "$(stamp_of "$1")" ]; }

if fits dev; then exit 0; fi
if [ "$kind" = run ] && fits run; then exit 0; fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "Python lacks its venv module. Debian, Ubuntu: sudo apt-get install python3-venv" >&2
    exit 1
fi
echo "making .venv ($kind) with $("$python" --version)"
if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    rm -rf .venv
    "$python" -m venv .venv
fi
rm -f .venv/.stamp-run .venv/.stamp-dev
pip() { .venv/bin/python -m pip --disable-pip-version-check --no-input --quiet "$@"; }
pip install --require-hashes -r "requirements/$kind.txt"
if [ "$kind" = dev ]; then
    # Without build isolation nothing unpinned is fetched: setuptools comes from requirements/dev.txt.
    rm -f .venv/lib/python3*/site-packages/aurora-logs-source.pth
    pip install --no-deps --no-build-isolation --editable .
else
    # The product alone needs no build step: a path file and a launcher are all that an editable install is.
    site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    echo "$here/src" > "$site/aurora-logs-source.pth"
    {
        echo "#!$here/.venv/bin/python"
        echo 'import sys'
        echo 'from aurora_logs.cli import main'
        echo 'sys.exit(main())'
    } > .venv/bin/aurora-logs
    chmod +x .venv/bin/aurora-logs
fi
stamp_of "$kind" > ".venv/.stamp-$kind"
