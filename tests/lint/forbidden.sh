#!/bin/sh
# Words that must not stand in the source. The brackets keep this file from finding itself.
. "$(dirname -- "$0")/lib.sh"

# Lines of the files named on stdin that match the first pattern but not the second.
find_lines()
{
	xargs grep -nIE -e "$1" /dev/null | if [ $# -gt 1 ]; then
		grep -vE "$2"
	else
		cat
	fi
}

judge forbidden/todo-without-issue \
	"$(all_files | find_lines '\b(TOD[O]|FIXM[E])\b' '\bTOD[O]\(#[0-9]+\)')"
judge forbidden/machine-paths \
	"$(all_files | find_lines '(^|[^A-Za-z0-9_.])/(wor[k]|roo[t]|home/[a-z]+)/|\.\./share[d]\b')"
judge forbidden/trailing-blanks "$(all_files | find_lines '[[:blank:]]+$')"
judge forbidden/carriage-returns "$(all_files | find_lines "$(printf '\r')")"
# A number between the parentheses is a section of the manual.
judge forbidden/functions "$(files_like c h | xargs grep -nIP -e \
	'\b(strcpy|strcat|stpcpy|v?sprintf|gets|system|popen|alloca|strtok|ato[il]+)\s*\((?![1-8]\))' \
	/dev/null)"
finish
