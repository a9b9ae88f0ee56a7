#!/usr/bin/env bash
# Makes what Dask needs to talk over TLS: a certificate authority of your own and one
# certificate that the scheduler, the workers and the clients share.  Dask asks both sides of
# every connection for a certificate of this authority: who has none is not let in.
#
#   certificates.sh FOLDER [HOST ...]
#
# FOLDER gets ca.pem, dask.pem and dask-key.pem, all that the other machines need, and
# ca-key.pem, which belongs on no other machine.  Run again, it renews the certificate and
# keeps the authority.  CA_DAYS and DAYS say how long they hold (3650, 365).
set -euo pipefail
umask 077

[ $# -ge 1 ] || { echo "certificates.sh: say where to: certificates.sh FOLDER [HOST ...]" >&2; exit 1; }
folder=$1
shift
mkdir -p "$folder"

names=DNS:localhost,IP:127.0.0.1
for host in "$@"; do
    case $host in
        *[!0-9.]*) names=$names,DNS:$host ;;
        *) names=$names,IP:$host ;;
    esac
done

if [ ! -f "$folder/ca-key.pem" ]; then
    openssl req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 \
        -days "${CA_DAYS:-3650}" -subj "/CN=consilience Dask authority" \
        -addext basicConstraints=critical,CA:TRUE,pathlen:0 \
        -addext keyUsage=critical,keyCertSign,cRLSign \
        -keyout "$folder/ca-key.pem" -out "$folder/ca.pem" 2>/dev/null
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/extensions" <<EXTENSIONS
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth,clientAuth
subjectAltName = $names
EXTENSIONS
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 \
    -subj "/CN=consilience Dask" -keyout "$work/key" -out "$work/request" 2>/dev/null
openssl x509 -req -sha256 -in "$work/request" -days "${DAYS:-365}" \
    -CA "$folder/ca.pem" -CAkey "$folder/ca-key.pem" -set_serial "0x$(openssl rand -hex 16)" \
    -extfile "$work/extensions" -out "$work/certificate" 2>/dev/null
openssl verify -CAfile "$folder/ca.pem" "$work/certificate" >/dev/null
mv "$work/key" "$folder/dask-key.pem"
mv "$work/certificate" "$folder/dask.pem"
chmod 644 "$folder/ca.pem" "$folder/dask.pem"
echo "$folder/dask.pem, for $names, until $(openssl x509 -noout -enddate -in "$folder/dask.pem" | cut -d= -f2)"
