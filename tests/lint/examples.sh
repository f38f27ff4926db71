#!/bin/sh
# The daemon accepts every example configuration.
. "$(dirname -- "$0")/lib.sh"

program=$lint_build/src/daemon/mqbridged
for file in conf/*.conf; do
	[ -e "$file" ] || continue
	if [ ! -x "$program" ]; then
		skip "examples/${file#conf/}" "mqbridged is not built"
	elif said=$("$program" --check --config "$file" 2>&1); then
		ok "examples/${file#conf/}"
	else
		not_ok "examples/${file#conf/}" "$said"
	fi
done
finish
