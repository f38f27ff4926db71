#!/bin/bash
# harness: none (it makes namespaces of its own, and needs the real root)
# The installed service for another IPC namespace, under a real systemd: a process that stands for a
# container has queues that the host does not see, and an instance carries its messages to the
# daemon of the host. Environment: MQBRIDGE_BUILD, where things were built.
# shellcheck source=tests/system/systemd-lib.sh disable=SC2016
. "$(dirname -- "$0")/systemd-lib.sh"

cat >"$work/stage/etc/mqbridge/mqbridge.conf" <<END
name = "alpha";
queues = (
  { name = "results"; uri = "posix:/results"; ring_size = "64KiB";
    create = { max_messages = 4; message_size = "64"; mode = "0660"; }; }
);
listeners = ( { address = "tcp://127.0.0.1:7411"; } );
peers = ( { name = "web"; may_send_to = ( "results" ); } );
END
cat >"$work/stage/etc/mqbridge/web.conf" <<END
name = "web";
ring_directory = "/run/mqbridge@web";
state_directory = "/var/lib/mqbridge@web";
control = "/run/mqbridge@web/control";
queues = (
  { name = "jobs"; uri = "posix:/jobs"; ring_size = "64KiB";
    create = { max_messages = 4; message_size = "64"; mode = "0660"; }; },
  { name = "keyed"; uri = "sysv:0x4d51"; ring_size = "64KiB"; create = { mode = "0660"; }; }
);
peers = ( { name = "alpha"; address = "tcp://127.0.0.1:7411"; } );
routes = (
  { name = "jobs"; from = "jobs"; to = "alpha/results"; },
  { name = "keyed"; from = "keyed"; to = "alpha/results"; }
);
END
host_start
instance=mqbridged@web.service

connected()
{
	on mqbridgectl --socket /run/mqbridge@web/control show peers >"$work/peers" &&
		grep -q connected "$work/peers"
}

on systemctl start $unit || fail "the host's daemon does not start"
! on systemctl start $instance 2>/dev/null || fail "it starts without its namespace"
# The container: no mqueue file system is mounted in it.
on sh -ec 'unshare --ipc --mount sh -c "umount -l /dev/mqueue; exec sleep 1000" &
	sleep=$!
	until [ "$(readlink /proc/$sleep/ns/ipc)" != "$(readlink /proc/1/ns/ipc)" ]; do sleep 0.05; done
	: >/run/mqbridge-ipc/web
	mount --bind /proc/$sleep/ns/ipc /run/mqbridge-ipc/web
	echo $sleep >/test/container' >/dev/null 2>&1 </dev/null || fail "no container"
container=$(on cat /test/container)
inside()
{
	on nsenter --target "$container" --ipc "$@"
}

on systemctl reset-failed $instance
on systemctl start $instance || {
	on journalctl -u $instance --no-pager -n 30 >&2
	fail "the instance does not start"
}
until_true 10 "the connection of the two" connected
on test ! -e /dev/mqueue/jobs || fail "the host has the container's queue"
inside /test/traffic produce --queue posix:/jobs --ledger /bound/sent --producer 1 --types 1 \
	--size 64 --count 20 || fail "no messages could be sent in the container"
inside /test/traffic produce --queue sysv:0x4d51 --ledger /bound/sent2 --producer 2 --types 1 \
	--size 64 --count 20 || fail "no System V messages could be sent in the container"
on /test/traffic consume --queue posix:/results --log /bound/taken --count 40 --timeout 20 ||
	fail "not all messages arrived on the host"

# It lives a life of its own; its directories stay.
on systemctl restart $instance || fail "the instance does not restart"
is ActiveState active || fail "its restart ended the host's daemon"
until_true 10 "the connection after the restart" connected
on systemctl stop $instance || fail "the instance does not stop"
[ "$(on systemctl show -P Result $instance)" = success ] || fail "its stop failed"
on test -s "/var/lib/mqbridge@web/image" || fail "the instance wrote no image"
on test -d /run/mqbridge@web || fail "its ring directory is gone"
inside ipcs -q | grep -i 0x00004d51 >/dev/null || fail "the container's queue is gone with the instance"

host_stop
echo "systemd_instance: a container's queues were carried to the host"
