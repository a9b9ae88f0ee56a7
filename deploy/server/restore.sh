#!/usr/bin/env bash
# Restores what backup.sh made: into a home that does not exist yet and an empty database.
#
#   restore.sh BACKUP [--home | --database]
#
# Reads the same variables as backup.sh.  Nothing that exists is overwritten; stop the server
# and the workers before, start them after.  With --home or --database only that part.
set -euo pipefail
umask 077
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/common.sh"

[ $# -ge 1 ] || fail "say which: restore.sh BACKUP [--home | --database]"
backup=$1
part=${2:-both}
case $part in both | --home | --database) ;; *) fail "unknown option $part" ;; esac
[ -f "$backup/SHA256SUMS" ] || fail "$backup is not a complete backup"

# Look before anything is written.
if [ "$part" != --home ]; then
    connect_database
    tables=$(psql --no-psqlrc --tuples-only --no-align --command \
        "select count(*) from pg_tables where schemaname = 'public'")
    [ "$tables" = 0 ] || fail "database $PGDATABASE has $tables tables: drop it and run \
database.sh, or restore with --home"
fi
if [ "$part" != --database ]; then
    home=${CONSILIENCE_HOME:?is not set: the folder that is to be made}
    [ ! -e "$home" ] || fail "$home exists: move it away, or restore with --database"
fi
(cd "$backup" && sha256sum --check --quiet --strict SHA256SUMS) \
    || fail "$backup has changed since it was made"

if [ "$part" != --database ]; then
    mkdir -p "$(dirname "$home")"
    rm -rf "$home.partial"
    copy_folder "$backup/home" "$home.partial"
    copy_folder "$backup/store" "$home.partial/store"
    verify_store "$home.partial/store"
    mv "$home.partial" "$home"
    echo "home $home"
fi
if [ "$part" != --home ]; then
    pg_restore --dbname "$PGDATABASE" --no-owner --no-privileges --no-comments \
        --single-transaction --exit-on-error "$backup/database.dump"
    echo "database $PGDATABASE"
fi
