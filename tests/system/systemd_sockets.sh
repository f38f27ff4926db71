#!/bin/bash
# harness: none (it makes namespaces of its own, and needs the real root)
# Sockets of the installed service under a real systemd: those of socket units, and those that it
# gives to systemd to keep. Environment: MQBRIDGE_BUILD, where things were built.
# shellcheck source=tests/system/systemd-lib.sh disable=SC2016
. "$(dirname -- "$0")/systemd-lib.sh"

cat >"$work/stage/etc/mqbridge/mqbridge.conf" <<END
name = "alpha";
metrics = "http://127.0.0.1:7413";
listeners = (
  { address = "tcp://127.0.0.1:7411"; },
  { address = "unix:///run/mqbridge/peers"; }
);
peers = ( { name = "beta"; } );
END
# Long enough for clients to come while nobody is there.
mkdir -p "$work/stage/etc/systemd/system/mqbridge-listener.socket.d"
cat >"$work/stage/etc/systemd/system/$unit.d/slow.conf" <<END
[Service]
RestartSec=1s
END
cat >"$work/stage/etc/systemd/system/mqbridge-listener.socket.d/test.conf" <<END
[Socket]
ListenStream=
ListenStream=127.0.0.1:7411
ListenStream=/run/mqbridge/peers
END
host_start

# The inodes of what listens at our addresses: the same ones as long as nobody opens it anew.
inodes()
{
	on awk '$8 ~ "^/run/mqbridge/(control|peers)$" && $4 == "00010000" { print $8, $7 }' \
		/proc/net/unix | sort
	on awk '$2 ~ "^0100007F:1CF[35]$" && $4 == "0A" { print $2, $10 }' /proc/net/tcp | sort
}

is_open() # pid: it has exactly these sockets
{
	local inode
	for inode in $(inodes | cut -d ' ' -f 2); do
		on sh -c 'ls -l /proc/$1/fd | grep -F "socket:[$2]" >/dev/null' sh "$1" "$inode" || return 1
	done
	[ "$(inodes | wc -l)" -eq 4 ]
}

stores() # number
{
	is NFileDescriptorStore "$1"
}

# ---- kept by systemd ------------------------------------------------------------------------

on systemctl start $unit || fail "it does not start"
pid=$(show MainPID)
until_true 5 "the descriptors in the store" stores 4
first=$(inodes)
is_open "$pid" || fail "it does not listen: $first"

on systemctl kill -s KILL --kill-who=main $unit
# Until systemd starts it again nobody accepts, and nobody is turned away.
on timeout 20 mqbridgectl show status >"$work/status" ||
	fail "a client that came while it was down got no answer"
is_back "$pid" || fail "it answers and is not back"
[ "$(inodes)" = "$first" ] || fail "after SIGKILL it listens elsewhere"
pid=$(show MainPID)
is_open "$pid" || fail "after SIGKILL it has not its sockets"

on systemctl restart $unit || fail "it does not restart"
until_true 10 "the end of the restart" is_back "$pid"
[ "$(inodes)" = "$first" ] || fail "after a restart it listens elsewhere"
stores 4 || fail "after a restart the store has $(show NFileDescriptorStore)"

# The manager is replaced under it: the store, the watchdog and the process stay.
pid=$(show MainPID)
on systemctl daemon-reexec
until_true 10 "the manager" is ActiveState active
is MainPID "$pid" || fail "daemon-reexec ended it"
stores 4 || fail "daemon-reexec lost the store"
on systemctl kill -s STOP --kill-who=main $unit
until_true 30 "the start after the watchdog" is_back "$pid"
[ "$(inodes)" = "$first" ] || fail "after daemon-reexec and the watchdog it listens elsewhere"

# Reloads: what goes is given up, what comes is kept, what is refused changes nothing.
reload_is() # status
{
	on mqbridgectl reload >"$work/reload" 2>&1
	[ $? -eq "$1" ] || fail "a reload ended otherwise than $1: $(cat "$work/reload")"
}
pid=$(show MainPID)
on sed -i 's/:7413/:7414/' /etc/mqbridge/mqbridge.conf
reload_is 0
until_true 5 "another socket for metrics in the store" stores 4
on sed -i 's/:7414/:7413/; s/^name = .*/name = "other";/' /etc/mqbridge/mqbridge.conf
second=$(inodes)
reload_is 1
[ "$(inodes)" = "$second" ] || fail "a refused reload changed what listens"
until_true 5 "the store after a refused reload" stores 4
on sed -i 's/^name = .*/name = "alpha";/' /etc/mqbridge/mqbridge.conf
reload_is 0
until_true 5 "the store after the way back" stores 4
first=$(inodes)
on systemctl restart $unit || fail "it does not restart after reloads"
until_true 10 "the end of the restart" is_back "$pid"
[ "$(inodes)" = "$first" ] || fail "after reloads and a restart it listens elsewhere"

# What the configuration names no more is given up at the next start.
on sed -i '/unix:/d; s/7411"; },/7411"; }/' /etc/mqbridge/mqbridge.conf
pid=$(show MainPID)
on systemctl restart $unit || fail "it does not restart without a listener"
until_true 5 "the end of the store's fourth" stores 3
on systemctl stop $unit
is ActiveState inactive || fail "it does not stop"
stores 0 || fail "the store outlives the service"

# ---- socket units ---------------------------------------------------------------------------

on sed -i 's/7411"; }/&, { address = "unix:\/\/\/run\/mqbridge\/peers"; }/' \
	/etc/mqbridge/mqbridge.conf
on systemctl start mqbridge-control.socket mqbridge-listener.socket || fail "no sockets"
is ActiveState inactive || fail "the sockets start the service"
first=$(inodes | grep -v ':1CF5 ')
on timeout 20 mqbridgectl show status >"$work/status" || fail "the first client got no answer"
is ActiveState active || fail "the first client does not start it: $(show ActiveState)"
pid=$(show MainPID)
[ "$(inodes | grep -v ':1CF5 ')" = "$first" ] || fail "it listens beside the socket units"
is_open "$pid" || fail "it has not the sockets of the units"
stores 1 || fail "it keeps what the socket units hold, or not what is its own"
until_true 5 "the sockets in the journal" journal_has MQB_EVENT=socket-passed
on systemctl stop $unit 2>/dev/null
[ "$(inodes | grep -v ':1CF5 ')" = "$first" ] || fail "the stop took the sockets of the units"
# A peer starts it as well.
on timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/7411' || fail "nobody listens for peers"
until_true 10 "the start by a peer" is ActiveState active
on systemctl kill -s KILL --kill-who=main $unit
on timeout 20 mqbridgectl show status >"$work/status" || fail "no answer after SIGKILL"
[ "$(inodes | grep -v ':1CF5 ')" = "$first" ] || fail "after SIGKILL the sockets of the units are gone"

# A listener of a unit goes and comes again by reloads: nobody else could listen there.
for round in 1 2; do
	on sed -i 's|, { address = "unix:///run/mqbridge/peers"; }||' /etc/mqbridge/mqbridge.conf
	reload_is 0
	on sed -i 's|7411"; }|&, { address = "unix:///run/mqbridge/peers"; }|' \
		/etc/mqbridge/mqbridge.conf
	reload_is 0
	[ "$(inodes | grep -v ':1CF5 ')" = "$first" ] || fail "after reloads $round it listens elsewhere"
done
is_open "$(show MainPID)" || fail "it has not the sockets of the units after reloads"

# A socket that the configuration does not name.
on systemctl stop $unit 2>/dev/null
on sed -i 's/127.0.0.1:7411/127.0.0.1:7412/' /etc/mqbridge/mqbridge.conf
! on systemctl start $unit 2>/dev/null || fail "it starts with a socket that nothing names"
is ExecMainStatus 78 || fail "a socket that nothing names ends it with $(show ExecMainStatus)"
until_true 5 "the socket in the journal" journal_says MQB_EVENT=socket-refused \
	'socket listener at 127.0.0.1:7411'

host_stop
echo "systemd_sockets: kept, taken back, given up, passed, refused"
