#!/bin/sh
# Runs a command inside the root folder, with host folders bound into it:
#
#   enter.sh ROOT [--bind HOST INSIDE | --bind-ro HOST INSIDE]... [--chdir INSIDE] -- COMMAND [ARGUMENT]...
#
# Every step is an exec, so the caller's child IS the command: its pid can be signalled and waited for.
# The mounts live in a namespace that ends with the command; nothing needs to be unmounted.
set -eu

# chroot lies where an ordinary user's path does not lead.
export PATH="${PATH:-/usr/bin:/bin}:/usr/sbin:/sbin"

die() { echo "enter: $*" >&2; exit 125; }

if [ "${1:-}" != --inside ]; then
  [ -d "${1:-}" ] || die "no root folder at '${1:-}'"
  if [ "$(id -u)" -eq 0 ]; then
    unshare --mount --uts true 2>/dev/null || die 'no mount namespaces here: the container needs CAP_SYS_ADMIN'
    exec unshare --mount --uts -- sh "$0" --inside "$@"
  fi
  unshare --user --map-root-user --mount --uts true 2>/dev/null ||
    die 'this kernel or its AppArmor profile forbids user namespaces: allow them, or run as root'
  exec unshare --user --map-root-user --mount --uts -- sh "$0" --inside "$@"
fi

root=$2
shift 2
directory=/

# The name that prepare.sh put into the root folder's hosts file; it also keeps the real one out of SIP.
hostname pinbridge 2>/dev/null || echo pinbridge >/proc/sys/kernel/hostname

mount --bind "$root" "$root"
mount -o remount,bind,ro "$root" 2>/dev/null || true
mount --rbind /proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom; do
  : >"$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
[ ! -e "$root/etc/resolv.conf" ] || [ ! -e /etc/resolv.conf ] ||
  mount --bind "$(readlink -f /etc/resolv.conf)" "$root/etc/resolv.conf"

while [ "$1" != -- ]; do
  case $1 in
    --bind) mount --bind "$2" "$root$3"; shift 3 ;;
    --bind-ro) mount --bind "$2" "$root$3"; mount -o remount,bind,ro "$root$3" 2>/dev/null || true; shift 3 ;;
    --chdir) directory=$2; shift 2 ;;
    *) die "unknown option '$1'" ;;
  esac
done
shift

# chroot needs the folder to be entered by its new path, and cd before exec keeps the process count at one.
exec chroot "$root" /bin/sh -c 'cd "$1" && shift && exec "$@"' sh "$directory" "$@"
