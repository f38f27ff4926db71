#!/bin/sh
# What is written is also built and run: every source file is in a Makefile.inc, every suite
# in tests/unit/suites.def.
. "$(dirname -- "$0")/lib.sh"

unlisted_files()
{
	listed=$(find . -name Makefile.inc -exec cat {} +)
	files_like c h | while read -r file; do
		case "$listed" in
		*"$file"*) ;;
		*) echo "$file is in no Makefile.inc" ;;
		esac
	done
}

unlisted_suites()
{
	files_like c | grep '^tests/unit/' | xargs sed -n 's/^suite_\([a-z0-9_]*\)(void).*/\1/p' |
		while read -r suite; do
			grep -qxF "SUITE($suite)" tests/unit/suites.def ||
				echo "SUITE($suite) is not in tests/unit/suites.def"
		done
	sort tests/unit/suites.def | uniq -d | sed 's/$/ is twice in tests\/unit\/suites.def/'
}

judge lists/files "$(unlisted_files)"
judge lists/suites "$(unlisted_suites)"
finish
