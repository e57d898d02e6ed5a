#!/usr/bin/env bash
set -euo pipefail

usage() {
    cat <<'END'
Usage: ./stop-infra.sh [--volumes [--yes]]

Stops the Redis and PostgreSQL that ./start-infra.sh started. Their data stays.

  --volumes  drop their data too: the cache and the whole database; asks first
  --yes      do not ask
END
}

cd "$(dirname "${BASH_SOURCE[0]}")"

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

find_compose() {
    if docker compose version >/dev/null 2>&1; then
        compose=(docker compose)
    elif command -v docker-compose >/dev/null 2>&1; then
        compose=(docker-compose)
    else
        fail "Docker Compose is not installed, so there is nothing to stop."
    fi
    compose+=(-f docker-compose.infra.yml)
}

ask() {
    local answer=""
    printf 'This drops the whole database and the cache. Type "yes" to go on: '
    read -r answer || true
    [ "$answer" = yes ] || fail "" "Nothing was stopped."
}

volumes=false
yes=false
for argument in "$@"; do
    case "$argument" in
        --volumes) volumes=true ;;
        --yes) yes=true ;;
        -h | --help) usage && exit ;;
        *) usage >&2 && exit 2 ;;
    esac
done

find_compose
if [ "$volumes" = false ]; then
    "${compose[@]}" down
    echo "Stopped. The data stays: ./start-infra.sh goes on with it."
else
    [ "$yes" = true ] || ask
    "${compose[@]}" down --volumes
    echo "Stopped, and the data is gone."
fi
