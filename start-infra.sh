#!/usr/bin/env bash
set -euo pipefail

usage() {
    cat <<'END'
Usage: ./start-infra.sh

Starts Redis and PostgreSQL (docker-compose.infra.yml), waits until both are healthy, and prints the REDIS_URL and
DATABASE_URL to start the site with. Run it as often as you like.

The first run makes a password for each and keeps them in .env.infra, which only you can read.

Variables, from the environment or from .env.infra:
  INFRA_BIND          the address both ports are opened on (127.0.0.1)
  REDIS_PORT          (6379)
  REDIS_PASSWORD      like POSTGRES_PASSWORD
  POSTGRES_PORT       (5432)
  POSTGRES_DB         (tradingsite)
  POSTGRES_USER       (tradingsite)
  POSTGRES_PASSWORD   letters, digits and . _ ~ - (made by the first run)
  INFRA_WAIT_SECONDS  how long to wait until both are healthy (60)
END
}

cd "$(dirname "${BASH_SOURCE[0]}")"
readonly env_file=.env.infra

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
        fail "Docker Compose is not installed: install Docker with its compose plugin, or docker-compose." \
            "Without Docker, 'make run' starts the site with a Redis of its own and SQLite."
    fi
    compose+=(-f docker-compose.infra.yml)
}

# The environment's value, else the file's, else the default. The file is read, not run.
setting() {
    local name=$1 default=$2 value=${!1:-}
    if [ -z "$value" ] && [ -f "$env_file" ]; then
        value=$(sed -n "s/^$name=//p" "$env_file" | tail -n 1)
    fi
    printf -v "$name" '%s' "${value:-$default}"
    export "${name?}"
}

keep() {
    (
        umask 077
        printf '%s\n' "$@" >>"$env_file"
    )
}

new_password() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

make_passwords() {
    if [ -z "$REDIS_PASSWORD" ]; then
        REDIS_PASSWORD=$(new_password)
        keep "REDIS_PASSWORD=$REDIS_PASSWORD"
        echo "Made a password for Redis; it is in $env_file."
    fi
    if [ -z "$POSTGRES_PASSWORD" ]; then
        POSTGRES_PASSWORD=$(new_password)
        keep "# PostgreSQL learns it when the database is made; changing it here alone locks you out." \
            "POSTGRES_PASSWORD=$POSTGRES_PASSWORD"
        echo "Made a password for PostgreSQL; it is in $env_file."
    fi
}

# A password becomes part of a URL; on the network it must also be one that nobody guesses.
check_password() {
    local name=$1 value=${!1}
    case "$value" in
        *[!A-Za-z0-9._~-]*) fail "$name may hold letters, digits and . _ ~ - only: it becomes part of a URL." ;;
    esac
    case "$INFRA_BIND" in
        127.* | localhost | ::1 | "[::1]") return ;;
    esac
    [ "${#value}" -ge 16 ] ||
        fail "$name has fewer than 16 characters, and INFRA_BIND=$INFRA_BIND opens the port to others:" \
            "remove it from $env_file and from the environment, and the next run makes one."
}

read_settings() {
    # It holds passwords. One that was written by hand may be open to others.
    [ ! -f "$env_file" ] || chmod 600 "$env_file" 2>/dev/null || true
    setting INFRA_BIND 127.0.0.1
    setting REDIS_PORT 6379
    setting POSTGRES_PORT 5432
    setting POSTGRES_DB tradingsite
    setting POSTGRES_USER tradingsite
    setting INFRA_WAIT_SECONDS 60
    setting REDIS_PASSWORD ""
    setting POSTGRES_PASSWORD ""
    make_passwords
    check_password REDIS_PASSWORD
    check_password POSTGRES_PASSWORD
}

is_healthy() { "${compose[@]}" ps "$1" | grep -q '(healthy)'; }

wait_until_healthy() {
    local deadline=$((SECONDS + INFRA_WAIT_SECONDS)) service
    for service in redis postgres; do
        until is_healthy "$service"; do
            if [ "$SECONDS" -ge "$deadline" ]; then
                "${compose[@]}" logs --tail=30 >&2 || true
                fail "After $INFRA_WAIT_SECONDS s $service is not healthy; above is the end of the logs."
            fi
            sleep 0.5
        done
    done
}

# From within, but not over loopback, where the image lets everybody in.
password_is_right() {
    # shellcheck disable=SC2016 # for the container's shell
    "${compose[@]}" exec -T postgres sh -c \
        'PGPASSWORD=$POSTGRES_PASSWORD psql -h postgres -U "$POSTGRES_USER" -d "$POSTGRES_DB" -qtc "SELECT 1"' \
        >/dev/null </dev/null
}

print_urls() {
    local host=$INFRA_BIND
    [ "$host" != 0.0.0.0 ] || host=127.0.0.1
    echo "Redis and PostgreSQL are up. Start the site with:"
    echo "export REDIS_URL=redis://:$REDIS_PASSWORD@$host:$REDIS_PORT/0"
    echo "export DATABASE_URL=postgres://$POSTGRES_USER:$POSTGRES_PASSWORD@$host:$POSTGRES_PORT/$POSTGRES_DB"
}

case "${1:-}" in
    "") ;;
    -h | --help) usage && exit ;;
    *) usage >&2 && exit 2 ;;
esac

find_compose
read_settings
"${compose[@]}" up -d || fail "Docker Compose could not start them; what it says is above." \
    "Is the Docker engine running? Is a port taken (choose others with REDIS_PORT and POSTGRES_PORT)?"
wait_until_healthy
password_is_right || fail "PostgreSQL does not accept the password: its database was made with another one." \
    "Put that one into $env_file, or drop the data with ./stop-infra.sh --volumes."
print_urls
