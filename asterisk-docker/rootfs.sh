#!/bin/sh
# Prints the path of a ready Debian root folder with Asterisk and SIPp. The first time it builds it, in about
# half a minute; afterwards it only looks. Progress goes to stderr.
#
#   PINBRIDGE_CACHE          where root folders are kept     (${XDG_CACHE_HOME:-~/.cache}/pinbridge)
#   PINBRIDGE_DEBIAN_MIRROR  another Debian mirror's address (mmdebstrap's own choice)
set -eu

SUITE=forky
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
cache=${PINBRIDGE_CACHE:-${cache:-/var/cache}/pinbridge}
machine=$(uname -m)
key=$({ echo "$SUITE $machine"; cat "$here/packages" "$here/packages.test" "$here/prepare.sh" "$here/rootfs.sh"; } |
  sha256sum | cut -c1-12)
root=$cache/rootfs-$key

say() { echo "rootfs: $*" >&2; }
die() { say "$*"; exit 1; }
ready() { [ -d "$root" ] && echo "$root"; }

ready && exit 0
mkdir -p "$cache"
command -v flock >/dev/null || die 'flock is missing: install util-linux'
exec 9>"$cache/rootfs.lock"
flock -n 9 || { say 'another start is building the root folder, waiting for it'; flock 9; }
ready && exit 0

as_root() { [ "$(id -u)" -eq 0 ]; }

install_builder() {
  as_root || die 'this user cannot build the root folder yet: let root install the packages mmdebstrap and uidmap'
  command -v apt-get >/dev/null || die 'install mmdebstrap and the Debian archive keyring, then start again'
  say 'installing mmdebstrap'
  install='apt-get install -y --no-install-recommends mmdebstrap'
  DEBIAN_FRONTEND=noninteractive $install >/dev/null 2>&1 ||
    { apt-get update >&2 && DEBIAN_FRONTEND=noninteractive $install >&2; } ||
    die 'apt-get could not install mmdebstrap'
}

check_user_namespaces() {
  command -v newuidmap >/dev/null || die 'newuidmap is missing: let root install the package uidmap'
  grep -q "^\($(id -un)\|$(id -u)\):" /etc/subuid ||
    die "$(id -un) has no line in /etc/subuid: let root run usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un)"
  unshare --user --map-root-user --mount true 2>/dev/null ||
    die 'this kernel or its AppArmor profile forbids user namespaces: allow them, or run as root'
}

# $1: what mmdebstrap shall write; further arguments: options of this try only.
debootstrap() {
  target=$1
  shift
  list=$(cat "$here/packages" "$here/packages.test" | tr '\n' ',')
  PREPARE=$(cat "$here/prepare.sh") mmdebstrap --variant=essential --include="${list%,}" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --customize-hook='chroot "$1" sh -ec "$PREPARE"' \
    "$@" "$SUITE" "$target" ${PINBRIDGE_DEBIAN_MIRROR:-} >"$log" 2>&1
}

# A frozen copy of the archive has a Release file past its Valid-Until. Signatures are checked all the same.
build() {
  debootstrap "$@" && return
  grep -q 'is expired' "$log" || return 1
  say "the mirror's Release file has expired (a frozen copy?); repeating with that one check off"
  rm -rf "$1"
  debootstrap "$@" --aptopt='Acquire::Check-Valid-Until "false"'
}

command -v mmdebstrap >/dev/null || install_builder
as_root || check_user_namespaces

# The lock is ours, so whatever a killed build left behind belongs to nobody.
rm -rf "$cache"/building-*
temporary=$(mktemp -d "$cache/building-XXXXXX")
chmod 755 "$temporary"
log=$temporary.log
say "building Debian $SUITE with Asterisk in $root (once, about half a minute)"

if as_root; then
  build "$temporary/root" --mode=root || { tail -20 "$log" >&2; die "failed, see $log"; }
else
  # Unpacked by the user itself, the tree belongs to one uid: entering needs no uid ranges, removing no root.
  build "$temporary/root.tar" --mode=unshare --format=tar || { tail -20 "$log" >&2; die "failed, see $log"; }
  mkdir "$temporary/root"
  tar -x -f "$temporary/root.tar" -C "$temporary/root" --exclude='./dev/*'
fi
mv "$temporary/root" "$root"
rm -rf "$temporary" "$log"
ready
