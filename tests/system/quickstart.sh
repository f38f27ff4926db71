#!/bin/bash
# scripts/quickstart carries its messages with the programs that were built, and leaves nothing.
set -euo pipefail

here=$(cd -- "$(dirname -- "$0")" && pwd)
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

"$here/../../scripts/quickstart" --build "$MQBRIDGE_BUILD" | tee "$TMPDIR/output"
tail -n 1 "$TMPDIR/output" | grep -qE '^quickstart: [0-9]+ messages relayed, 0 lost, 0 repeated, 0 reordered, 0 altered, [0-9]+ messages/s$'
rm "$TMPDIR/output"
left=$(ls -A "$TMPDIR")
if [[ -n $left ]]; then
	echo "left behind: $left"
	exit 1
fi
