# shellcheck shell=bash
# For shell tests and for scripts/quickstart: two hosts, a and b, made of namespaces, daemons in
# them, and waiting for conditions. Source it inside of tests/in-namespace, with `work` set to a
# directory of one's own and MQBRIDGE_BUILD to where things were built. Everything started here
# ends with the namespace. The Python tests use tests/harness.

: "${work:?a directory}" "${MQBRIDGE_BUILD:?where it was built}"

declare -A host_pid host_address daemon_pid daemon_socket
host_network=--net

# become_on HOST COMMAND...: in the place of this shell, so that in the background $! is it.
become_on()
{
	local pid=${host_pid[$1]}
	shift
	exec nsenter "--target=$pid" "$host_network" --ipc --mount -- "$@"
}

# on HOST COMMAND...: run it there.
on()
{
	(become_on "$@")
}

# host_make HOST
host_make()
{
	# shellcheck disable=SC2016 # for the shell inside
	unshare "$host_network" --ipc --mount sh -c '
		ip link set lo up 2>/dev/null
		test -d /dev/mqueue && mount -t mqueue none /dev/mqueue
		: >"$1"
		exec sleep infinity' sh "$work/made-$1" &
	host_pid[$1]=$!
	wait_for 10 "host $1" test -e "$work/made-$1"
}

hosts_join()
{
	ip link add name mqb0 netns "${host_pid[a]}" type veth \
		peer name mqb1 netns "${host_pid[b]}" || return
	host_address=([a]=10.77.0.1 [b]=10.77.0.2)
	on a ip address add "${host_address[a]}/24" dev mqb0 &&
		on a ip link set mqb0 up &&
		on b ip address add "${host_address[b]}/24" dev mqb1 &&
		on b ip link set mqb1 up
}

# Joined by veth where that is permitted, else on one loopback. Sets host_address.
hosts_make()
{
	if unshare --net true 2>/dev/null; then
		host_make a
		host_make b
		hosts_join 2>/dev/null && return
		kill "${host_pid[@]}"
		rm -f "$work/made-a" "$work/made-b"
	fi
	host_network=--ipc # nothing beside what is named anyway
	host_address=([a]=127.0.0.1 [b]=127.0.0.1)
	host_make a
	host_make b
}

# program NAME: where it was built.
program()
{
	local place
	for place in src/daemon src/client src/tools src tests/tools .; do
		if [[ -f $MQBRIDGE_BUILD/$place/$1 && -x $MQBRIDGE_BUILD/$place/$1 ]]; then
			echo "$MQBRIDGE_BUILD/$place/$1"
			return
		fi
	done
	echo "$1 is not built in $MQBRIDGE_BUILD" >&2
	return 1
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for()
{
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@"; do
		if ((SECONDS > end)); then
			echo "waited in vain for $what" >&2
			return 1
		fi
		sleep 0.02
	done
}

# ctl HOST COMMAND...: mqbridgectl of its daemon.
ctl()
{
	local host=$1
	shift
	on "$host" "$(program mqbridgectl)" --socket "${daemon_socket[$host]}" "$@"
}

daemon_answers()
{
	ctl "$1" show status >/dev/null 2>&1
}

# daemon_start HOST CONFIG SOCKET: its log goes to $work/log-HOST.
daemon_start()
{
	become_on "$1" "$(program mqbridged)" --config "$2" --foreground \
		>>"$work/log-$1" 2>&1 </dev/null &
	daemon_pid[$1]=$!
	daemon_socket[$1]=$3
	if ! wait_for 20 "the daemon of host $1" daemon_answers "$1"; then
		cat "$work/log-$1" >&2
		return 1
	fi
}

# daemon_stop HOST: cleanly. Returns the daemon's exit status.
daemon_stop()
{
	kill "${daemon_pid[$1]}"
	wait "${daemon_pid[$1]}"
}

# traffic_count FILE: messages so far in a ledger or log of tests/tools/traffic.
traffic_count()
{
	local count=0
	[[ ! -s $1 ]] || count=$(od -An -t u8 -j 8 -N 8 "$1")
	echo "${count// /}"
}
