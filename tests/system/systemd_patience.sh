#!/bin/bash
# harness: none (it makes namespaces of its own, and needs the real root)
# Under a real systemd that allows little time: a start and a stop that take longer are waited for,
# as the daemon asks for more. Environment: MQBRIDGE_BUILD, where things were built.
# shellcheck source=tests/system/systemd-lib.sh disable=SC2016
. "$(dirname -- "$0")/systemd-lib.sh"

jobs_to_results 64MiB 8KiB 8 1 'stop_timeout = "500ms";'
START_S=6 STOP_S=4 # the daemon asks for more every 2 s
PAUSES="0.3 0.6 1.2" # in seconds; machines differ
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

is_started()
{
	case $(show ActiveState) in
	active | failed | inactive) ;;
	*) return 1 ;;
	esac
}

start_slowed() # pause seconds
{
	on systemctl --no-block start $unit
	until_true 10 "a process" has_pid
	on /usr/bin/python3 /test/slices.py "$pid" "$1" "$2" >/dev/null || fail "it cannot be slowed"
	until_true 60 "the end of a start" is_started
	is ActiveState active || fail "a start is $(show ActiveState): $(show Result)"
}

stop_slowed() # pause seconds
{
	: >"$work/slices"
	on /usr/bin/python3 /test/slices.py "$(show MainPID)" "$1" "$2" >"$work/slices" 2>&1 &
	until_true 10 "it to be slow" grep -q slow "$work/slices"
	on systemctl stop $unit || fail "it does not stop"
	is Result success || fail "a slow stop ended with $(show Result)"
	wait
}

# took FROM TO SECONDS: were the moments of two properties more than that apart?
took()
{
	spent=$((($(show "$2") - $(show "$1")) / 1000))
	[ "$spent" -gt $(($3 * 1000)) ]
}

all_waits()
{
	until_true 30 "all that waits" status_is '*backlog 3999*'
}

start_slowed 0 0
on /test/traffic produce --queue posix:/jobs --ledger /bound/sent --producer 1 --types 1 \
	--size 8192 --count 4000 || fail "no messages could be sent"
until_true 30 "the messages in the bridge" is_empty jobs
all_waits

# How long it takes is what systemd says: a fast machine is done before, and is slowed more then.
for pause in $PAUSES; do
	stop_slowed "$pause" $((STOP_S + 3))
	on test -s /var/lib/mqbridge/image || fail "no image was written"
	! took ActiveExitTimestampMonotonic ExecMainExitTimestampMonotonic $STOP_S || break
	start_slowed 0 0
	all_waits
done
[ "$spent" -gt $((STOP_S * 1000)) ] || fail "a stop took only $spent ms: not slow enough"
stop=$spent

for pause in $PAUSES; do
	start_slowed "$pause" $((START_S + 3))
	all_waits
	! took InactiveExitTimestampMonotonic ActiveEnterTimestampMonotonic $START_S || break
	on systemctl stop $unit || fail "it does not stop again"
done
[ "$spent" -gt $((START_S * 1000)) ] || fail "a start took only $spent ms: not slow enough"
is NRestarts 0 || fail "it was started $(show NRestarts) times again"

on systemctl stop $unit || fail "it does not stop at last"
host_stop
echo "systemd_patience: a stop of $stop ms and a start of $spent ms were waited for"
