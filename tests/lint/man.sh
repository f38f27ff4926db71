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
finish
