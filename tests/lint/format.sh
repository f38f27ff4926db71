#!/bin/sh
# What clang-format would change. Its versions differ, so only Debian 12's decides.
. "$(dirname -- "$0")/lib.sh"

version=14

find_formatter()
{
	for name in clang-format-$version clang-format; do
		if "$name" --version 2>/dev/null | grep -q "version $version\."; then
			echo "$name"
			return
		fi
	done
}

formatter=$(find_formatter)
if [ -z "$formatter" ]; then
	skip format "clang-format $version is not installed"
else
	# shellcheck disable=SC2046 # no name of ours has a blank
	judge format "$("$formatter" --dry-run -Werror $(files_like c h) 2>&1)"
fi
finish
