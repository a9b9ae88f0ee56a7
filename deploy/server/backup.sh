#!/usr/bin/env bash
# Backs up the Prefect database and a home (store, reports, landing files) while both are in
# use, into FOLDER/<time in UTC>, and proves that what it copied is whole.
#
#   backup.sh FOLDER [--home | --database]
#
# Reads PREFECT_SERVER_DATABASE_* and CONSILIENCE_HOME.  Also: CONSILIENCE_BIN (the command),
# BACKUP_VERIFY (options of `consilience verify`, such as --quick), BACKUP_KEEP (how many
# backups stay; all without it).
#
# The database comes first: a flow run that it calls completed is then in the copy of the
# store.  In a store every object is written once and never changed; only the references say
# which snapshot is the newest.  So references are read first, under the committer lock, and
# objects afterwards: all that the references reach was there before them.  They are put in
# place last.
set -euo pipefail
umask 077
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/common.sh"

[ $# -ge 1 ] || fail "say where to: backup.sh FOLDER [--home | --database]"
part=${2:-both}
case $part in both | --home | --database) ;; *) fail "unknown option $part" ;; esac

name=$(date --utc +%Y%m%dT%H%M%SZ)
partial=$1/$name.partial
mkdir -p "$1"
mkdir "$partial"

if [ "$part" != --home ]; then
    connect_database
    pg_dump --format=custom --no-owner --no-privileges --no-comments \
        --file "$partial/database.dump"
fi
if [ "$part" != --database ]; then
    home=${CONSILIENCE_HOME:?is not set: the folder with the store}
    [ -d "$home/store/refs" ] || fail "$home/store is not a store"
    mkdir "$partial/store"
    (
        flock --wait 600 9 || fail "the committer lock of $home/store is held for 600 s"
        copy_folder "$home/store/refs" "$partial/refs"
    ) 9>>"$home/store.lock"
    copy_folder "$home/store" "$partial/store" --exclude=./refs
    mv "$partial/refs" "$partial/store/refs"
    verify_store "$partial/store"
    copy_folder "$home" "$partial/home" --exclude=./store --exclude='./store.lock*'
fi

(
    cd "$partial"
    # shellcheck disable=SC2094  # the list itself is left out
    find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum >SHA256SUMS
)
sync --file-system "$partial"
mv "$partial" "$1/$name"
echo "$1/$name"

if [ -n "${BACKUP_KEEP:-}" ]; then
    find "$1" -mindepth 1 -maxdepth 1 -type d -name '[0-9]*T[0-9]*Z' | sort \
        | head --lines "-$BACKUP_KEEP" | xargs --no-run-if-empty --delimiter '\n' rm -rf --
fi
