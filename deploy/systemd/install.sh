#!/usr/bin/env bash
# Makes this machine a station, with the files beside this script ('bintally fleet enroll' packs them together). May be called again.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: sudo ./install.sh [--package SPEC] [--program PATH] [--replace] [--root DIR]

  --package SPEC  what pip installs into /opt/bintally (default: bintally[agent]); also a wheel's path
  --program PATH  use this bintally, and install none
  --replace       replace another station's key and certificate
  --root DIR      install below DIR, for an image: no user is made, no program installed but that of --program, and nothing is started

example: tar -xzf berlin.pick-3.tar.gz && sudo ./berlin.pick-3/install.sh
TEXT
}

fail() {
    echo "install.sh: $1" >&2
    exit "${2:-1}"
}

package="" program="" root="" replace=""
while [ $# -gt 0 ]; do
    case "$1" in
        --package | --program | --root)
            [ $# -ge 2 ] || fail "$1 needs a value; see --help" 2
            declare "${1#--}=$2"
            shift
            ;;
        --replace) replace=yes ;;
        --help) usage && exit 0 ;;
        *) fail "unknown option $1; see --help" 2 ;;
    esac
    shift
done

[ -z "$root" ] || [ -z "$package" ] || fail "--package does not go with --root: what pip installs runs only where it was installed" 2

here=$(cd "$(dirname "$0")" && pwd)
etc="$root/etc/bintally" units="$root/etc/systemd/system" opt="$root/opt/bintally"
[ -n "$root" ] || [ "$(id -u)" -eq 0 ] || fail "must be root; call it with sudo"
for name in station.toml station.crt ca.pem bintally-agent.service; do
    [ -f "$here/$name" ] || fail "$here/$name is missing; unpack the whole archive"
done
if [ ! -f "$here/station.key" ] && [ ! -f "$etc/station.key" ]; then
    fail "no key: neither in the archive nor $etc/station.key; put there the one that the signing request was made with"
fi
if [ -z "$replace" ] && [ -f "$here/station.key" ] && [ -f "$etc/station.key" ] && ! cmp -s "$here/station.key" "$etc/station.key"; then
    fail "$etc/station.key is there and is another one; call it with --replace if this machine is to have the archive's"
fi

if [ -z "$root" ]; then
    id bintally >/dev/null 2>&1 || useradd --system --home-dir /var/lib/bintally --shell /usr/sbin/nologin bintally
    for group in video render; do # who may open cameras, and GPUs where there is one
        ! getent group "$group" >/dev/null || usermod --append --groups "$group" bintally
    done
fi
owner=(-g bintally)
[ -z "$root" ] || owner=()

if [ -n "$program" ]; then
    [ -x "$program" ] || fail "$program is no program; name the bintally that is to run" 2
    if [ "$program" != "$opt/bin/bintally" ]; then
        install -d "$opt/bin"
        ln -sfn "$program" "$opt/bin/bintally"
    fi
elif [ -z "$root" ]; then
    python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 10))' ||
        fail "needs Python 3.10 or newer with venv; on Debian and Ubuntu: apt install python3-venv"
    [ -x "$opt/bin/python" ] || python3 -m venv "$opt"
    "$opt/bin/python" -m pip install --quiet --upgrade "${package:-bintally[agent]}"
fi

# Its key is for the agent's group alone; nobody but root changes what the agent reads.
install -d -m 0750 "${owner[@]}" "$etc"
for name in ca.pem page.token root.json station.crt station.key; do
    if [ -f "$here/$name" ]; then
        install -m 0640 "${owner[@]}" "$here/$name" "$etc/.$name.part"
        mv "$etc/.$name.part" "$etc/$name"
    fi
done
if [ -f "$etc/station.toml" ] && ! cmp -s "$here/station.toml" "$etc/station.toml"; then
    cp -p "$etc/station.toml" "$etc/station.toml.before"
fi
install -m 0640 "${owner[@]}" "$here/station.toml" "$etc/.station.toml.part"
mv "$etc/.station.toml.part" "$etc/station.toml"
install -d "$units"
install -m 0644 "$here/bintally-agent.service" "$units/bintally-agent.service"
sync

if [ -n "$root" ]; then
    [ -n "$program" ] || echo "there is no program yet: install bintally[agent] into /opt/bintally, from within the image"
    echo "installed below $root; make a user 'bintally' there who may read $etc, and enable bintally-agent"
    exit 0
fi
install -d -m 0700 -o bintally -g bintally /var/lib/bintally
systemctl daemon-reload
runuser -u bintally -- "$opt/bin/bintally" agent doctor --config "$etc/station.toml" ||
    echo "install.sh: the doctor found what is wrong above; the agent starts nevertheless, and goes on as soon as it can" >&2
systemctl enable --quiet bintally-agent
systemctl restart bintally-agent
echo "this station runs; journalctl -fu bintally-agent shows what it does"
