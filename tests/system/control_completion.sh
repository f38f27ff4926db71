#!/bin/bash
# The completions of mqbridgectl for bash and zsh offer the commands, names and options that a
# running daemon knows.
set -u

root=$(cd -- "$(dirname -- "$0")/../.." && pwd)
work=$(mktemp -d)
# shellcheck source=tests/system/lib.sh
. "$root/tests/system/lib.sh"
ctl=$(program mqbridgectl) || exit 1
mqbridged=$(program mqbridged) || exit 1
ipcq=$(program ipcq) || exit 1
# shellcheck source=src/client/completions/mqbridgectl
. "$root/src/client/completions/mqbridgectl"
failed=0
mkdir -p /run/mqbridge "$work/state"
control=/run/mqbridge/control
cat >"$work/conf" <<END
name = "edge"; control = "$control"; ring_directory = "/run/mqbridge";
state_directory = "$work/state";
queues = ( { name = "orders"; uri = "posix:/orders"; create = { max_messages = 4; message_size = "64B"; }; },
	{ name = "jobs"; uri = "posix:/jobs"; create = { max_messages = 4; message_size = "64B"; }; } );
peers = ( { name = "hub"; } );
routes = ( { name = "orders:1"; from = "orders"; to = "jobs"; },
	{ name = "other"; from = "jobs"; to = "hub/in"; },
	{ name = "not \$(plain)"; from = "jobs"; to = "hub/two"; } );
END
"$mqbridged" --config "$work/conf" --foreground 2>"$work/log" &
daemon=$!
trap 'kill "$daemon"; wait "$daemon"; rm -rf "$work"' EXIT
for ((i = 0; i < 200; i++)); do
	"$ctl" --socket "$control" show version >"$work/out" 2>&1 && break
	sleep 0.05
done

# in_bash LINE: what is offered at its end, on one line.
in_bash()
{
	COMP_LINE=$1
	COMP_POINT=${#COMP_LINE}
	read -ra COMP_WORDS <<<"$COMP_LINE"
	[[ $COMP_LINE != *' ' ]] || COMP_WORDS+=("")
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMPREPLY=()
	_mqbridgectl "$ctl" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	echo "${COMPREPLY[*]}"
}

# The same by zsh, whose builtin would want a terminal.
in_zsh()
{
	# shellcheck disable=SC2016 # zsh expands it
	zsh -f -c '
		compadd() { shift; print -r -- ${(M)@:#${words[CURRENT]}*} }
		_files() { print files }
		fpath=("$1" $fpath)
		autoload -Uz _mqbridgectl
		words=(${(z)2})
		[[ $2 != *" " ]] || words+=("")
		words[1]=$3
		CURRENT=$#words
		_mqbridgectl' zsh "$root/src/client/completions" "$1" "$ctl"
}

# judge NAME FOUND WANTED
judge()
{
	if [[ $2 = "$3" ]]; then
		echo "ok $1"
	else
		echo "not ok $1"
		echo "    offered '$2', wanted '$3'"
		failed=1
	fi
}

# expect NAME LINE OFFERED [OFFERED BY ZSH]
expect()
{
	local found

	judge "bash-$1" "$(in_bash "$2")" "$3"
	[[ -n $zsh ]] || return
	found=$(in_zsh "$2")
	judge "zsh-$1" "$found" "${4-$3}"
}

zsh=$(command -v zsh)
[[ -n $zsh ]] || echo "skip zsh: it is not installed"
s="mqbridgectl --socket $control"
expect first-words-are-those-of-the-table "$s requ" "requeue"
expect second-words-are-those-of-the-table "$s show st" "status"
expect words-before-may-be-abbreviated "$s sh ver" "version"
expect routes-are-live "$s show route " "orders:1 other"
expect routes-behind-a-colon "$s show route orders:" "1" "orders:1"
expect routes-peers-and-words "$s reconnect " "hub"
expect queues-are-live "$s send o" "orders"
expect words-that-are-optional "$s wait settled t" "timeout"
expect arguments-that-repeat "$s purge dead-letters other al" "all"
expect unknown-words-have-nothing "$s frob " ""
expect options "$s --soc" "--socket"
expect values-of-options-are-not-commands "$s --watch 2s show ver" "version"
expect nothing-for-the-value-of-an-option "$s --watch " ""
expect words-behind-an-argument "$s drain orders:1 " "timeout"
expect words-behind-two-of-them "$s drain route orders:1 t" "timeout"
expect the-word-before-says-what-is-meant "$s pause peer " "hub all"
expect routes-and-peers-and-which-of-them "$s resume " "route peer orders:1 other hub all"
expect options-in-any-order "$s explain orders size 3 " "priority type"
expect options-only-once "$s explain orders type 3 priority 5 " "size"
expect values-of-words-are-unknown "$s explain orders size " ""
expect words-of-one-of-several "$s tap other " "body every count"
expect words-behind-a-word "$s tap other body every 3 " "count"
expect levels "$s log " "error warn info debug"
expect areas "$s log debug en" "endpoint"
expect nothing-behind-the-end "$s reconnect hub " ""
expect commands-to-be-helped-with "$s help show ver" "version"
expect commands-of-the-client-to-be-helped-with "$s help doc" "doctor"
expect command-of-the-client "$s to" "top"
expect options-of-the-client "$s check " "--age-warning --age-critical"
expect without-a-daemon "mqbridgectl --socket /no/such/socket show st" "status"
expect without-a-daemon-no-names "mqbridgectl --socket /no/such/socket show route " ""

"$ipcq" send posix:/orders hello 2>>"$work/log"
found=$(in_bash "$s resolve stream ")
judge bash-literal-words "$(in_bash "$s resolve 1-2 d")" "drop dead-letter"
judge bash-longer-commands-win "$found" ""
judge bash-names-that-are-not-plain-are-left-out "$(in_bash "$s show route n")" ""
exit $failed
