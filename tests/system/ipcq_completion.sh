#!/bin/bash
# The bash completion of ipcq offers commands, options and queues.
set -u

root=$(cd -- "$(dirname -- "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/system/lib.sh
. "$root/tests/system/lib.sh"
ipcq=$(program ipcq) || exit 1
# shellcheck source=src/tools/bash/ipcq
. "$root/src/tools/bash/ipcq"
failed=0

# complete_line LINE: what would be offered at its end, on one line.
complete_line()
{
	COMP_LINE=$1
	COMP_POINT=${#COMP_LINE}
	read -ra COMP_WORDS <<<"$COMP_LINE"
	[[ $COMP_LINE != *' ' ]] || COMP_WORDS+=("")
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMPREPLY=()
	_ipcq "$ipcq" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	echo "${COMPREPLY[*]}"
}

# expect NAME LINE OFFERED
expect()
{
	local offered
	offered=$(complete_line "$2")
	if [[ $offered = "$3" ]]; then
		echo "ok $1"
	else
		echo "not ok $1"
		echo "    after '$2': '$offered', wanted '$3'"
		failed=1
	fi
}

"$ipcq" create sysv:0x4d51 || exit 1
queue=$("$ipcq" list | awk 'NR == 2 { print $NF }')

expect commands-are-offered "ipcq re" "receive remove"
expect options-of-the-command-are-offered "ipcq notify --" "--help --timeout"
expect options-begun-are-completed "ipcq receive $queue --out" "--output"
expect forms-of-output-are-offered "ipcq receive $queue --output " "text raw hex json"
expect queues-are-offered-behind-the-colon "ipcq stat sysv:" "${queue#sysv:}"
expect form-of-output-behind-the-equals-sign "ipcq receive $queue --output=h" "hex"
expect no-queue-is-offered-as-a-message "ipcq send $queue " ""
expect no-queue-is-offered-as-a-message-behind-options "ipcq send $queue --lines " ""
expect queues-are-offered-behind-options "ipcq receive --all sysv:" "${queue#sysv:}"
expect list-takes-no-queue "ipcq list " ""

# Outside of a completion it is an error; here it shows that it was asked for.
# shellcheck disable=SC2317 # called by the completion
compopt()
{
	echo "compopt $*"
}

mkdir "$work/directory"
expect names-of-files-are-completed-as-such "ipcq send $queue --file $work/d" \
	"compopt -o filenames
$work/directory"
expect names-of-files-behind-the-equals-sign "ipcq send $queue --file=$work/d" \
	"compopt -o filenames
$work/directory"
exit $failed
