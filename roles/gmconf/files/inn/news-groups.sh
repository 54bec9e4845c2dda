#!/bin/sh
# Managed by gmconf. The groups of this server are those of /etc/news/groups: new ones are made, others removed. Run as news.
set -e
LIST=/etc/news/groups
ACTIVE=/var/lib/news/active
FRESH=$(mktemp /var/lib/news/newsgroups.XXXXXX)
grep -v '^#' "$LIST" | grep . > "$FRESH"
chmod 644 "$FRESH"
mv "$FRESH" /var/lib/news/newsgroups
cut -f 1 /var/lib/news/newsgroups | while read -r group; do
    cut -d ' ' -f 1 "$ACTIVE" | grep -qxF "$group" || ctlinnd -s newgroup "$group" y gmconf
done
cut -d ' ' -f 1 "$ACTIVE" | grep -vE '^(control|junk|to)(\.|$)' | while read -r group; do
    cut -f 1 /var/lib/news/newsgroups | grep -qxF "$group" || ctlinnd -s rmgroup "$group"
done
