#!/bin/sh
# No #include points upwards: docs/architecture.md has the table of the layers.
. "$(dirname -- "$0")/lib.sh"

# Layer, whether it knows libevent, and the layers it is built upon. What those are built
# upon is below it too, and base is below everything.
table='
base     no
lib      no   base
config   no   base
control  yes  base
net      yes  base
record   no   base
wire     no   record
spool    no   record
flow     no   record
link     yes  net wire spool flow
endpoint yes  lib net spool flow
route    no   flow config
web      yes  control net
needs    no   lib config spool
service  yes  control net
assembly yes  config control lib link endpoint route service
change   yes  assembly
metrics  yes  assembly
commands yes  change metrics
daemon   yes  commands web needs
client   no   control needs
tools    no   lib spool config
'

# FILE:LINE: why, for every include of src/ that breaks the table.
find_faults()
{
	# shellcheck disable=SC2046 # no name of ours has a blank
	awk -v table="$table" '
	function add_below(layer, other, word, i, n) {
		below[layer, other] = 1
		n = split(built_upon[other], word, " ")
		for (i = 1; i <= n; i++)
			add_below(layer, word[i])
	}
	BEGIN {
		n = split(table, rows, "\n")
		for (i = 1; i <= n; i++) {
			words = split(rows[i], word, " ")
			if (words == 0)
				continue
			libevent[word[1]] = word[2]
			for (k = 3; k <= words; k++)
				built_upon[word[1]] = built_upon[word[1]] " " word[k]
		}
		for (layer in libevent)
			add_below(layer, layer)
	}
	function fault(why) {
		print FILENAME ":" FNR ": " why
	}
	FNR == 1 {
		split(FILENAME, part, "/")
		layer = part[2]
		if (!(layer in libevent))
			fault("the layer \"" layer "\" is not in the table")
	}
	/^[ \t]*#[ \t]*include[ \t]*</ {
		if ($0 ~ /<(event2\/|event\.h|evdns|evhttp)/ && libevent[layer] != "yes")
			fault("the layer " layer " knows no libevent")
		if ($0 ~ /<systemd\// && layer != "service")
			fault("systemd is for the layer service only")
	}
	/^[ \t]*#[ \t]*include[ \t]*"/ {
		split($0, quoted, "\"")
		if (split(quoted[2], part, "/") != 2 || part[1] ~ /^\./) {
			fault("\"" quoted[2] "\" is not of the form \"layer/file.h\"")
			next
		}
		if (!((layer, part[1]) in below))
			fault("\"" quoted[2] "\" is not below the layer " layer)
	}' $(files_like c h | grep '^src/') /dev/null
}

judge layers "$(find_faults)"
finish
