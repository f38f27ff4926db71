#!/bin/sh
# Every kind of event has an id of its own and an entry in the journal's catalog, and is logged
# somewhere; the catalog has no other entries, and the journal takes it.
. "$(dirname -- "$0")/lib.sh"

catalog=systemd/mqbridge.catalog

# "CODE id" of each kind, one a line.
kinds()
{
	tr -d '\\\n' <src/base/event_id.h | grep -o 'EVENT([A-Z_]*, "[^)]*)' |
		sed 's/^EVENT(\([A-Z_]*\),.*"\([^"]*\)")$/\1 \2/'
}

findings()
{
	kinds | while read -r code id; do
		echo "$id" | grep -qxE '[0-9a-f]{32}' || echo "EVENT_$code: $id is no id"
		grep -qx -e "-- $id" $catalog || echo "EVENT_$code: $id is not in $catalog"
		grep -rqw --include='*.c' "EVENT_$code" src || echo "EVENT_$code is never logged"
	done
	kinds | cut -d ' ' -f 2 | sort | uniq -d | sed 's/$/ is the id of two kinds/'
	sed -n 's/^-- //p' $catalog | sort | uniq -d | sed "s|\$| is twice in $catalog|"
	sed -n 's/^-- //p' $catalog | while read -r id; do
		kinds | grep -q " $id\$" || echo "$catalog: $id is no kind of event"
	done
	for part in Subject Defined-By Documentation 'What to do'; do
		[ "$(grep -c "^$part: " $catalog)" -eq "$(grep -c '^-- ' $catalog)" ] ||
			echo "$catalog: not every entry has one line $part:"
	done
}

if [ "$(kinds | wc -l)" -lt 10 ]; then
	not_ok catalog/events "src/base/event_id.h cannot be read"
else
	judge catalog/events "$(findings)"
fi
finish
