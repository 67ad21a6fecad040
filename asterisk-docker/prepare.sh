#!/bin/sh
# Runs once inside a fresh Debian tree, for the image and for the root folder alike: everything that
# start.sh and the configuration expect beyond the packages.
set -eu

LANGUAGES='en'
SOUNDS=/usr/share/asterisk/sounds

# Mount points of a running copy. The root folder is shared and read-only, so none can be made later.
mkdir -p /srv/asterisk /srv/sipp /srv/scenarios \
  /opt/pinbridge/asterisk-docker /opt/pinbridge/dialplan /opt/pinbridge/sounds

# A host name that does not resolve makes Asterisk ask root name servers inside call set-up.
# The image's engine brings its own hosts file and refuses this write.
{ printf '127.0.0.1 localhost pinbridge\n::1 localhost\n' >/etc/hosts; } 2>/dev/null || true

# Our prompts must lie below the language's folder, or neither `sound:pinbridge/...` nor GET /ari/sounds finds them.
for language in $LANGUAGES; do
  [ -d "$SOUNDS/$language" ] || mkdir "$SOUNDS/$language"
  ln -sfn "/opt/pinbridge/sounds/$language" "$SOUNDS/$language/pinbridge"
done

# Without a user namespace the uid counts on the host too, where the package's 101 is often somebody else's
# account. This one lies in a range that neither Debian nor systemd hands out.
usermod --uid 60600 asterisk
groupmod --gid 60600 asterisk

# Only the templates in etc/ count. A sample left here would be read the day someone forgets -C.
rm -rf /etc/asterisk
