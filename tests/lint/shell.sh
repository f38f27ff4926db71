#!/bin/sh
# What shellcheck says about every shell script.
. "$(dirname -- "$0")/lib.sh"

# By their first line: many have no ending.
shell_files()
{
	all_files | while read -r file; do
		if head -n 1 "$file" | grep -qE '^#!.*\b(sh|bash)\b'; then
			echo "$file"
		fi
	done
}

if command -v shellcheck >/dev/null; then
	# shellcheck disable=SC2046 # no name of ours has a blank
	judge shell "$(shellcheck -x -P SCRIPTDIR $(shell_files) 2>&1)"
else
	skip shell "shellcheck is not installed"
fi
finish
