# Sourced by backup.sh and restore.sh: where the database is, and how a folder is copied.
# shellcheck shell=bash

fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# libpq's variables out of those that the Prefect server itself reads.
connect_database() {
    : "${PREFECT_SERVER_DATABASE_PASSWORD:?is not set: load server.env first}"
    export PGHOST=${PREFECT_SERVER_DATABASE_HOST:-127.0.0.1}
    export PGPORT=${PREFECT_SERVER_DATABASE_PORT:-5432}
    export PGUSER=${PREFECT_SERVER_DATABASE_USER:-prefect}
    export PGDATABASE=${PREFECT_SERVER_DATABASE_NAME:-prefect}
    export PGPASSWORD=$PREFECT_SERVER_DATABASE_PASSWORD
}

# copy_folder FROM TO [tar options]: all of FROM into TO, with dates and modes.  Files that
# come, grow or go meanwhile are no error (status 1 of tar): what has to be whole is checked
# afterwards.  Names with # and a number are uploads that have not ended.
copy_folder() {
    local from=$1 to=$2 code=0
    shift 2
    mkdir -p "$to"
    tar --directory "$from" --exclude='*#[0-9]*' "$@" --create --file - . \
        | tar --directory "$to" --extract --preserve-permissions --file - || code=$?
    [ "$code" -le 1 ] || fail "copying $from to $to failed with status $code"
}

verify_store() {
    # shellcheck disable=SC2086  # several options may stand in BACKUP_VERIFY
    "${CONSILIENCE_BIN:-consilience}" verify "$1" ${BACKUP_VERIFY:-} \
        || fail "the copy in $1 is not whole; it is kept for a look, and is no backup"
}
