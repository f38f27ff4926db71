#!/bin/sh
# Files of at most 600 lines, functions of at most 60, 5 parameters.
. "$(dirname -- "$0")/lib.sh"

long_files()
{
	files_like c h sh py am ac inc m4 | while read -r file; do
		lines=$(wc -l <"$file")
		[ "$lines" -le 600 ] || echo "$file: $lines lines, more than 600"
	done
}

# Goes by the looks that clang-format gives: the name of a function that is defined starts
# its line, and its body is between braces that start theirs.
large_functions()
{
	# shellcheck disable=SC2046 # no name of ours has a blank
	awk '
	function count_parameters(text, i, c, depth, commas) {
		for (i = index(text, "("); i <= length(text); i++) {
			c = substr(text, i, 1)
			if (c == "(")
				depth++
			else if (c == ")" && --depth == 0)
				break
			else if (c == "," && depth == 1)
				commas++
		}
		return commas + 1
	}
	FNR == 1 { inside = 0; head = "" }
	!inside && /^[A-Za-z_].*\(/ { head = ""; name = $0; sub(/\(.*/, "", name) }
	!inside && /^[A-Za-z_].*\(|^[ \t]/ { head = head $0 " " }
	!inside && /;[ \t]*$/ { head = "" }
	/^\{/ && head != "" {
		inside = 1
		start = FNR
		parameters = count_parameters(head)
		if (parameters > 5 && name != "START_TEST")
			print FILENAME ":" FNR ": " name ": " parameters \
			    " parameters, more than 5"
	}
	/^\}/ {
		if (inside && FNR - start - 1 > 60)
			print FILENAME ":" start ": " name ": " FNR - start - 1 \
			    " lines, more than 60"
		inside = 0
		head = ""
	}' $(files_like c h) /dev/null
}

judge sizes/files "$(long_files)"
judge sizes/functions "$(large_functions)"
finish
