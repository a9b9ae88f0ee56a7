#!/usr/bin/env bash
# Creates what the Prefect server needs of PostgreSQL: a role, a database that the role owns,
# and the extension pg_trgm in it.  Run as a superuser of the database; where and as whom, say
# libpq's variables (PGHOST, PGPORT, PGUSER).  What exists already stays; the password is set.
#
#   set -a; . /etc/consilience/server.env; set +a; runuser -u postgres -- ./database.sh
set -euo pipefail

: "${PREFECT_SERVER_DATABASE_PASSWORD:?the role needs a password: set it in server.env}"
export PREFECT_SERVER_DATABASE_PASSWORD
role=${PREFECT_SERVER_DATABASE_USER:-prefect}
database=${PREFECT_SERVER_DATABASE_NAME:-prefect}

# The password comes from the environment and is kept out of the server's log.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname postgres \
    --set role="$role" --set database="$database" <<'SQL'
set log_statement = 'none';
set log_min_error_statement = 'panic';
set log_min_duration_statement = -1;
set password_encryption = 'scram-sha-256';
\getenv password PREFECT_SERVER_DATABASE_PASSWORD
select format('create role %I', :'role')
    where not exists (select from pg_roles where rolname = :'role') \gexec
select format('alter role %I login nosuperuser password %L', :'role', :'password') \gexec
select format('create database %I owner %I encoding ''UTF8'' template template0',
              :'database', :'role')
    where not exists (select from pg_database where datname = :'database') \gexec
select format('revoke connect on database %I from public', :'database') \gexec
SQL
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname "$database" <<'SQL'
set client_min_messages = warning;
create extension if not exists pg_trgm;
SQL
echo "database $database, owned by $role, with pg_trgm"
