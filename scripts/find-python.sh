#!/bin/sh
# Prints the path of the Python that .venv is made with: 3.11 or newer, with the modules venv and ensurepip.
# PYTHON names the one to use; otherwise it is the first that fits on the PATH, and last the one in .venv itself.
set -u

root=$(dirname "$0")/..
tried="python3.13 python3.12 python3.11"
install="Debian, Ubuntu: sudo apt-get install python3-venv; macOS: brew install python"
newer="Ubuntu 22.04: sudo apt-get install python3.11-venv; macOS: brew install python"
probe='
import sys
version = "%d.%d" % sys.version_info[:2]
if sys.version_info < (3, 11):
    print("old " + version)
else:
    try:
        import ensurepip, venv
        print("good " + sys.executable)
    except ImportError:
        print("bare " + version)
'

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

old=""
bare=""
# shellcheck disable=SC2086 # the names hold no blanks
if [ -n "${PYTHON:-}" ]; then set -- "$PYTHON"; else set -- $tried python3 python3.14 python "$root/.venv/bin/python"; fi
for candidate; do
    # A version manager's shim may be there without a Python behind it.
    answer=$("$candidate" -c "$probe" 2>/dev/null) || continue
    case $answer in
        "good "*) printf '%s\n' "${answer#good }" && exit ;;
        "bare "*) bare=${bare:-${answer#bare }} ;;
        "old "*) old=${old:-"$candidate is Python ${answer#old }"} ;;
    esac
done

if [ -n "$bare" ]; then
    fail "Python $bare is here without its venv module; install it (Debian, Ubuntu: sudo apt-get install python$bare-venv)."
elif [ -n "$old" ]; then
    fail "Python 3.11 or newer is needed, but $old; install a newer one ($newer), or name it: make run PYTHON=/path/to/python3"
elif [ -n "${PYTHON:-}" ]; then
    fail "PYTHON=$PYTHON does not run; name a Python 3.11 or newer, or leave PYTHON unset."
else
    fail "Python 3.11 or newer is needed, and none is on the PATH; install it ($install), or name it: make run PYTHON=/path/to/python3"
fi
