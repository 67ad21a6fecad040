#!/bin/sh
# Starts Asterisk in the foreground, inside the image or the root folder. Settings come from the environment:
#
#   ARI_PASSWORD   (required) password of the ARI user `pinbridge`, at least 16 characters
#   ARI_HOST       address of the HTTP listener                         127.0.0.1
#   ARI_PORT       its port                                             8088
#   ARI_PERMIT     addresses and networks that may use it               127.0.0.1,::1
#   SIP_HOST       address of the SIP listener (UDP)                    0.0.0.0
#   SIP_PORT       its port                                             5060
#   RTP_START      first and last UDP port for audio                    20000
#   RTP_END                                                             29999
#   TRUNK_HOST     the carrier: where outgoing calls go                 127.0.0.1
#   TRUNK_PORT     its SIP port                                         5080
#   TRUNK_MATCH    addresses or networks that calls may come from       TRUNK_HOST
#   MEDIA_ADDRESS  address for audio, bound and offered; empty lets     SIP_HOST unless 0.0.0.0
#                  each call choose by its route
#   EXTERNAL_ADDRESS  public IPv4 address of a machine behind NAT; told in place of the machine's own to whoever
#                  is not in a private network
#   DTMF_MODE      how digits come; `auto` takes RFC 4733, SIP INFO and auto
#                  tones in the audio where no RFC 4733 was offered
#   APPLICATION    name of the Stasis application                       pinbridge
#   MAX_CALLS      channels before new calls are refused with 503       2000
#   DATA_DIR       where everything that changes is kept                /srv/asterisk
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
: "${ARI_HOST:=127.0.0.1}" "${ARI_PORT:=8088}" "${ARI_PERMIT:=127.0.0.1,::1}" "${SIP_HOST:=0.0.0.0}" "${SIP_PORT:=5060}"
: "${RTP_START:=20000}" "${RTP_END:=29999}" "${TRUNK_HOST:=127.0.0.1}" "${TRUNK_PORT:=5080}"
: "${TRUNK_MATCH:=$TRUNK_HOST}" "${DTMF_MODE:=auto}" "${APPLICATION:=pinbridge}" "${MAX_CALLS:=2000}"
: "${DATA_DIR:=/srv/asterisk}" "${ARI_PASSWORD:=}" "${MEDIA_ADDRESS:=}" "${EXTERNAL_ADDRESS:=}"
if [ -z "$MEDIA_ADDRESS" ] && [ "$SIP_HOST" != 0.0.0.0 ]; then MEDIA_ADDRESS=$SIP_HOST; fi

die() { echo "start: $*" >&2; exit 64; }

# Every value lands in a configuration file: whatever could end its line or start a comment is refused here.
must_match() {
  value=$(eval "printf '%s\n' \"\$$1\"")
  [ "$(printf '%s\n' "$value" | wc -l)" -eq 1 ] && printf '%s\n' "$value" | grep -q -E -x -- "$2" || die "$1 is not $3"
}
for name in ARI_PORT SIP_PORT RTP_START RTP_END TRUNK_PORT MAX_CALLS; do must_match "$name" '[0-9]{1,5}' 'a number'; done
for name in ARI_HOST SIP_HOST TRUNK_HOST; do must_match "$name" '[A-Za-z0-9.:-]+' 'a host'; done
for name in ARI_PERMIT TRUNK_MATCH; do must_match "$name" '[A-Za-z0-9.:/, -]+' 'a list of addresses'; done
must_match MEDIA_ADDRESS '[0-9A-Fa-f.:]*' 'an address'
must_match EXTERNAL_ADDRESS '[0-9.]*' 'an IPv4 address'
must_match DTMF_MODE '[a-z0-9_]+' 'a DTMF mode'
must_match APPLICATION '[A-Za-z0-9_-]+' 'a name'
must_match ARI_PASSWORD '[A-Za-z0-9+/=_.-]{16,}' 'set, or is not 16 or more of A-Z a-z 0-9 + / = _ . -'

umask 027
mkdir -p "$DATA_DIR/etc" "$DATA_DIR/lib" "$DATA_DIR/spool/recording" "$DATA_DIR/run" "$DATA_DIR/log" "$DATA_DIR/cache"
# With an address, audio is bound to it; without one there is nothing to bind to.
if [ -n "$MEDIA_ADDRESS" ]; then MEDIA_LINES="media_address=$MEDIA_ADDRESS\nbind_rtp_to_media_address=yes"; else MEDIA_LINES=; fi
# Peers in private networks reach the machine's own address, and only there a public one would be wrong.
# From is not rewritten by destination, and carriers refuse one that names a private address.
EXTERNAL_LINES=
if [ -n "$EXTERNAL_ADDRESS" ]; then
  EXTERNAL_LINES="external_media_address=$EXTERNAL_ADDRESS\nexternal_signaling_address=$EXTERNAL_ADDRESS"
  for network in 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 127.0.0.0/8; do
    EXTERNAL_LINES="$EXTERNAL_LINES\nlocal_net=$network"
  done
  MEDIA_LINES="$MEDIA_LINES\nfrom_domain=$EXTERNAL_ADDRESS"
fi
# Asterisk logs an error for each of these that is missing, although empty says all we want.
for name in acl ccss features pjproject udptl websocket_client; do : >"$DATA_DIR/etc/$name.conf"; done
for template in "$here"/etc/*.conf; do
  sed -e "s|@DATA_DIR@|$DATA_DIR|g" -e "s|@DIALPLAN@|$here/../dialplan|g" \
    -e "s|@ARI_HOST@|$ARI_HOST|g" -e "s|@ARI_PORT@|$ARI_PORT|g" \
    -e "s|@ARI_PERMIT@|$ARI_PERMIT|g" \
    -e "s|@SIP_HOST@|$SIP_HOST|g" -e "s|@SIP_PORT@|$SIP_PORT|g" \
    -e "s|@RTP_START@|$RTP_START|g" -e "s|@RTP_END@|$RTP_END|g" \
    -e "s|@TRUNK_HOST@|$TRUNK_HOST|g" -e "s|@TRUNK_PORT@|$TRUNK_PORT|g" -e "s|@TRUNK_MATCH@|$TRUNK_MATCH|g" \
    -e "s|@MEDIA_LINES@|$MEDIA_LINES|g" -e "s|@EXTERNAL_LINES@|$EXTERNAL_LINES|g" \
    -e "s|@DTMF_MODE@|$DTMF_MODE|g" \
    -e "s|@APPLICATION@|$APPLICATION|g" -e "s|@MAX_CALLS@|$MAX_CALLS|g" -e "s|@PID@|$$|g" \
    "$template" >"$DATA_DIR/etc/${template##*/}"
done
# Through a pipe, because `ps` shows arguments to everyone.
printf 's|@ARI_PASSWORD@|%s|\n' "$ARI_PASSWORD" | sed -i -f - "$DATA_DIR/etc/ari.conf"
unset ARI_PASSWORD

# A crash must not leave a core file: it would hold PINs. A bridged call takes about ten files, a recorded one more.
ulimit -c 0
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -H -n)"

# exec keeps the pid, so what started this script can signal Asterisk itself.
echo $$ >"$DATA_DIR/run/pid"
set -- asterisk -f -n -q -C "$DATA_DIR/etc/asterisk.conf"
[ "$(id -u)" -eq 0 ] || exec "$@"
if setpriv --reuid=asterisk --regid=asterisk --clear-groups true 2>/dev/null; then
  chown -R asterisk:asterisk "$DATA_DIR"
  exec setpriv --reuid=asterisk --regid=asterisk --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
fi
# Root of a user namespace with one uid is the ordinary user who started us; it only has to drop its capabilities.
exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
