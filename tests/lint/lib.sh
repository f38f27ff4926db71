# Sourced by every lint: where the source is, what there is to look at, and how to answer.
# shellcheck shell=sh

export LC_ALL=C.UTF-8

# Another tree is looked at by tests/lint/can-fail.sh only.
lint_root=${LINT_ROOT:-$(cd -- "$(dirname -- "$0")/../.." && pwd)}
lint_build=${MQBRIDGE_BUILD:-}
lint_failed=0
lint_skipped=0
cd "$lint_root" || exit 1

# The files that people write, whether or not git knows them yet, one a line; not what a
# build inside of the tree leaves, nor the inputs of the fuzzers.
all_files()
{
	find src tests bench scripts conf docs man systemd m4 .ci ./*.md ./*.ac ./*.am \
		\( -name __pycache__ -o -name .deps -o -name .libs -o -name corpus \) -prune \
		-o -type f -print 2>/dev/null | sed 's|^\./||' |
		grep -v -e '^m4/lt' -e '^m4/libtool' -e '\.l\{0,1\}[oa]$' \
			-e '\.log$' -e '\.trs$' | sort
}

# Those whose names end as told: files_like c h
files_like()
{
	all_files | grep -E "\.($(echo "$*" | tr ' ' '|'))\$"
}

ok()
{
	echo "ok $1"
}

# not_ok NAME FINDINGS
not_ok()
{
	echo "not ok $1"
	printf '%s\n' "$2" | sed 's/^/    /'
	lint_failed=1
}

# skip NAME WHY
skip()
{
	echo "skip $1: $2"
	lint_skipped=1
}

# No findings, no fault: judge NAME FINDINGS
judge()
{
	if [ -z "$2" ]; then
		ok "$1"
	else
		not_ok "$1" "$2"
	fi
}

# The exit status as automake wants it.
finish()
{
	[ "$lint_failed" -eq 0 ] || exit 1
	[ "$lint_skipped" -eq 0 ] || exit 77
	exit 0
}
