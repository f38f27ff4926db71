#!/bin/bash
# harness: none (it makes namespaces of its own, and needs the real root)
# Under a real systemd that allows little time: a start and a stop that take longer are waited for,
# as the daemon asks for more. Environment: MQBRIDGE_BUILD, where things were built.
# shellcheck source=tests/system/systemd-lib.sh disable=SC2016
. "$(dirname -- "$0")/systemd-lib.sh"

cat >"$work/stage/etc/mqbridge/mqbridge.conf" <<END
name = "alpha";
stop_timeout = "500ms";
queues = (
  { name = "jobs"; uri = "posix:/jobs"; ring_size = "64MiB";
    create = { max_messages = 8; message_size = "8KiB"; mode = "0660"; }; },
  { name = "results"; uri = "posix:/results";
    create = { max_messages = 1; message_size = "8KiB"; mode = "0660"; }; }
);
routes = ( { name = "jobs"; from = "jobs"; to = "results"; } );
END
START_S=5 STOP_S=3 PAUSE_S=0.4
# It stops before anything else, so that it can be slowed from the first moment.
cat >"$work/stage/etc/systemd/system/$unit.d/zz-test.conf" <<END
[Service]
WatchdogSec=0
TimeoutStartSec=${START_S}s
TimeoutStopSec=${STOP_S}s
Restart=no
NoExecPaths=
ExecStart=
ExecStart=/bin/sh -c 'kill -STOP \$\$\$\$; exec $prefix/sbin/mqbridged --config /etc/mqbridge/mqbridge.conf'
END
host_start

has_pid()
{
	pid=$(show MainPID)
	[ "$pid" != 0 ]
}

start_slowed() # seconds
{
	on systemctl --no-block start $unit
	until_true 10 "a process" has_pid
	on /usr/bin/python3 /test/slices.py "$pid" $PAUSE_S "$1" || fail "it cannot be slowed"
}

# took WHAT BEGUN SECONDS: it took longer, else nothing was tested
took()
{
	[ $((SECONDS - $2)) -gt "$3" ] || fail "the $1 took only $((SECONDS - $2)) s"
}

start_slowed 0
until_true 20 "the first start" is ActiveState active
on /test/traffic produce --queue posix:/jobs --ledger /bound/sent --producer 1 --types 1 \
	--size 8192 --count 4000 || fail "no messages could be sent"
until_true 30 "the messages in the bridge" is_empty jobs
until_true 30 "all of them" status_is '*backlog 3999*'

begun=$SECONDS
pid=$(show MainPID)
on /usr/bin/python3 /test/slices.py "$pid" $PAUSE_S $((STOP_S * 2 + 1)) >"$work/slices" 2>&1 &
until_true 10 "it to be slow" grep -q slow "$work/slices"
on systemctl stop $unit || fail "it does not stop"
took stop $begun $STOP_S
is Result success || fail "the slow stop ended with $(show Result)"
on test -s /var/lib/mqbridge/image || fail "no image was written"
wait

begun=$SECONDS
start_slowed $((START_S * 2 + 1))
until_true 60 "the end of the slow start" is ActiveState active
took start $begun $START_S
is NRestarts 0 || fail "it was started $(show NRestarts) times again"
until_true 30 "all that waits" status_is '*backlog 3999*'

on systemctl stop $unit || fail "it does not stop again"
host_stop
echo "systemd_patience: a slow stop and a slow start were waited for"
