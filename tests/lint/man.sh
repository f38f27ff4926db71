#!/bin/sh
# What mandoc says about the manual pages, and that every program installed has one.
. "$(dirname -- "$0")/lib.sh"

if ! command -v mandoc >/dev/null; then
	skip man "mandoc is not installed"
	finish
fi
for page in man/*.[1-8] man/*.[1-8].in; do
	[ -e "$page" ] || continue
	name=$(basename "$page" .in)
	case $page in
	*.in) page=$lint_build/man/$name ;;
	esac
	if [ -e "$page" ]; then
		judge "man/$name" "$(mandoc -T lint -W warning "$page" 2>&1)"
	else
		skip "man/$name" "not built"
	fi
done
for name in mqbridged.8 mqbridge.conf.5 mqbridgectl.1 mqbridge-spool.8 ipcq.1 ipcq.3; do
	[ -e "man/$name" ] || [ -e "man/$name.in" ] || not_ok "man/$name" "there is no such page"
done
# Every function of the library has a page by its own name once that is installed, which
# leads to a page of ours; and nothing of it stays when it is removed.
if [ -e "$lint_build/Makefile" ] && [ -e src/lib/libipcq.map ]; then
	work=$(mktemp -d) || exit 1
	trap 'rm -rf "$work"' EXIT
	findings=$(make -s -C "$lint_build" DESTDIR="$work" install-man3 install-man-links \
		2>&1 >/dev/null)
	pages=$(find "$work" -type d -name man3)
	# shellcheck disable=SC2013 # a name has no blanks
	for name in $(sed -n 's/^\t\(ipcq_[a-z_]*\);$/\1/p' src/lib/libipcq.map); do
		target=$(sed -n 's/^\.so man3\///p' "$pages/$name.3" 2>/dev/null)
		grep -q "^\.Nm $name\>" "$pages/${target:-$name.3}" 2>/dev/null ||
			findings="$findings no page for $name;"
	done
	make -s -C "$lint_build" DESTDIR="$work" uninstall-man uninstall-man-links \
		>/dev/null 2>&1
	judge "man/names" "$findings$(find "$work" -type f)"
else
	skip "man/names" "not built"
fi
finish
