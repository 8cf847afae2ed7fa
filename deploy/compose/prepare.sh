#!/usr/bin/env bash
# Makes what compose.yaml mounts: authority, certificates, the update repository with its keys, and passwords. May be called again: what is
# there stays, what was moved away is not missed, certificates that end within 30 days are replaced (with the authority's key put back for that).
set -euo pipefail

if [ $# -lt 1 ] || [ $# -gt 2 ] || [ "$1" = --help ]; then
    echo "usage: ./prepare.sh HOST [DIR]    HOST: the broker's name as stations know it; DIR: default bintally-home beside this script" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
host=$1 home=${2:-$here/bintally-home}
umask 077

# Containers run as who owns the files, and the database refuses to be root's.
user=$(id -u) group=$(id -g)
[ "$user" -ne 0 ] || user=10001 group=10001

mkdir -p "$home"/{secrets,stations,online-keys,state/{broker,database,prometheus,grafana}}
home=$(cd "$home" && pwd)
[ "$(id -u)" -ne 0 ] || trap 'chown -R "$user:$group" "$home"' EXIT

bintally fleet ca init "$home/ca"
bintally fleet broker-config "$home/ca" --host "$host" --host broker --out "$home/broker"
for role in ledger fleet dashboard; do
    bintally fleet enroll "$home/ca" --role "$role" --out "$home/$role"
done

[ -f "$home/repository/metadata/1.root.json" ] || bintally fleet init "$home/repository" --keys "$home/keys"
# The ring says which keys there are; each place gets only the private ones that it needs.
for key in "$home"/keys/{keys.json,online-*.pem}; do
    [ ! -f "$key" ] || cp "$key" "$home/online-keys/"
done
[ -f "$home/desired.pem" ] || cp "$home/keys/desired-1.pem" "$home/desired.pem"

for name in database_password grafana_password page_token; do
    [ -s "$home/secrets/$name" ] || openssl rand -hex 24 >"$home/secrets/$name"
done
if [ ! -s "$home/secrets/fleet_page_tokens" ]; then
    bintally fleet page-token admin --tokens "$home/secrets/fleet_page_tokens" >"$home/secrets/fleet_page_admin"
fi
printf 'database:5432:bintally:bintally:%s\n' "$(cat "$home/secrets/database_password")" >"$home/secrets/pgpass"
[ -f "$home/stations/stations.json" ] || echo '[]' >"$home/stations/stations.json"

version=$(bintally --version | grep -oE '[0-9]+(\.[0-9]+)+[^ ]*' | head -n 1)
proxy=${BINTALLY_PAGE_PROXY:-$(sed -n 's/^BINTALLY_PAGE_PROXY=//p' "$home/compose.env" 2>/dev/null || :)}
cat >"$home/compose.env" <<TEXT
BINTALLY_HOME=$home
BINTALLY_USER=$user:$group
BINTALLY_VERSION=$version
BINTALLY_PAGE_PROXY=${proxy:-172.16.0.0/12}
TEXT

cat <<TEXT

made: $home
start: docker compose --env-file $home/compose.env -f $here/compose.yaml up --detach --build
the fleet's page: http://127.0.0.1:8481/, the token of its first user, admin, is in $home/secrets/fleet_page_admin
then move away what nothing here needs, each to its owner: $home/ca/ca.key and the keys root-…, targets-… and desired-… in $home/keys
TEXT
