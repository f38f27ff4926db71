#!/bin/bash
# harness: none (it makes namespaces of its own, and needs the real root)
# The life of the installed service under a real systemd: start, reload, restart, kill, hang, stop,
# reboot, and what the journal tells of it. Environment: MQBRIDGE_BUILD, where things were built.
# shellcheck source=tests/system/systemd-lib.sh disable=SC2016
. "$(dirname -- "$0")/systemd-lib.sh"

jobs_to_results 64KiB 64 4 4
host_start

# It exits 0 for a misspelt option or a bad value, so anything that it says is a fault.
units=$prefix/lib/systemd/system
says=$(on systemd-analyze verify --man=no "$units/mqbridged.service" \
	"$units/mqbridged@.service" "$units/mqbridge-control.socket" \
	"$units/mqbridge-listener.socket" 2>&1)
[ -z "$says" ] || fail "systemd-analyze verify: $says"
for name in mqbridged.service mqbridged@.service; do
	on systemd-analyze security --offline=true --threshold=14 "$units/$name" \
		>"$work/exposure" || fail "$name: $(tail -n 1 "$work/exposure")"
done
on runuser -u mqbridge -- "$(dirname "$(on sh -c 'command -v mqbridged')")/mqbridged" --check \
	>"$work/check" 2>&1 || fail "mqbridged --check: $(cat "$work/check")"
! grep warning "$work/check" || fail "mqbridged --check warns where nothing is wrong"

# ---- start ----------------------------------------------------------------------------------

on systemctl start $unit || fail "it does not start"
until_true 10 "its status" status_is 'running: *backlog 0; dead letters 0; in doubt 0'
pid=$(show MainPID)
user=$(on ps -o user= -p "$pid")
[ "$user" = mqbridge ] || fail "it runs as $user"
on grep -q '^CapBnd:	0*$' "/proc/$pid/status" || fail "it has capabilities"
owner=$(on stat -c %U:%G:%a /dev/mqueue/jobs)
[ "$owner" = mqbridge:mqbridge:660 ] || fail "its queue is $owner"
[ "$(on stat -c %U:%G:%a /run/mqbridge/control)" = mqbridge:mqbridge:660 ] ||
	fail "its control socket is $(on stat -c %U:%G:%a /run/mqbridge/control)"
on mqbridgectl show status >/dev/null || fail "mqbridgectl gets no answer"

# 4 of them fill the queue "results", the others wait in the bridge.
on /test/traffic produce --queue posix:/jobs --ledger /bound/sent --producer 1 --types 1 \
	--size 64 --count 50 || fail "no messages could be sent"
until_true 10 "the messages in the bridge" is_empty jobs
until_true 10 "a full queue" holds results 256
until_true 20 "the stalled route in its status" status_is 'degraded: route jobs stalled *queue full*'
until_true 5 "the stalled route in the journal" journal_has MQB_EVENT=route-stalled \
	MQB_ROUTE=jobs MQB_REASON=queue-full

# ---- the journal ----------------------------------------------------------------------------

until_true 5 "the start in the journal" journal_has _SYSTEMD_UNIT=$unit PRIORITY=6 \
	"MESSAGE_ID=$(message_id 'mqbridge is ready')"
until_true 5 "the queue in the journal" journal_has MQB_QUEUE=jobs MQB_EVENT=queue-attached \
	"MESSAGE_ID=$(message_id 'Queue @MQB_QUEUE@ is open')"
on journalctl --update-catalog || fail "the catalog is not taken"
on journalctl -q -x --no-pager MQB_QUEUE=jobs >"$work/explained"
grep -q 'Subject: Queue jobs is open' "$work/explained" ||
	fail "journalctl -x does not explain"
grep -q 'What to do: ' "$work/explained" || fail "journalctl -x has no remedy"
[ "$(on journalctl --list-catalog | grep -c ' mqbridge: ')" -eq \
	"$(grep -c '^-- ' "$work/stage$prefix/lib/systemd/catalog/mqbridge.catalog")" ] ||
	fail "the catalog is not all there"
on mqbridgectl show events >"$work/events"
grep -q ' queue-attached ' "$work/events" || fail "show events is empty"

# ---- reload, restart ------------------------------------------------------------------------

pid=$(show MainPID)
on systemctl reload $unit || fail "it does not reload"
until_true 5 "the reload in the journal" journal_has MQB_EVENT=reloaded
on sh -c 'cp -p /etc/mqbridge/mqbridge.conf /test/ && echo "nonsense = 1;" >>/etc/mqbridge/mqbridge.conf'
! on systemctl reload $unit 2>/dev/null || fail "a faulty configuration is loaded"
is ActiveState active || fail "after a faulty reload it is $(show ActiveState)"
on cp -p /test/mqbridge.conf /etc/mqbridge/mqbridge.conf
on systemctl reload $unit || fail "it does not reload any more"
is MainPID "$pid" || fail "a reload is a restart"
holds results 256 || fail "a reload touched the queue"
on systemctl restart $unit || fail "it does not restart"
until_true 10 "the end of the restart" is_back "$pid"
holds results 256 || fail "a restart touched the queue"
pid=$(show MainPID)

# ---- killed, hung ---------------------------------------------------------------------------

on systemctl kill -s KILL --kill-who=main $unit
until_true 20 "the start after SIGKILL" is_back "$pid"
is NRestarts 1 || fail "restarted $(show NRestarts) times after SIGKILL"
holds results 256 || fail "the queue is gone with the process"

pid=$(show MainPID)
on systemctl kill -s STOP --kill-who=main $unit
until_true 30 "the start after the watchdog" is_back "$pid"
holds results 256 || fail "the queue is gone after the watchdog"

# Only the loop hangs, and its other threads go on.
pid=$(show MainPID)
on /usr/bin/python3 /test/freeze.py "$pid" >"$work/frozen" 2>&1 &
until_true 10 "the loop to be stopped" grep -q . "$work/frozen"
grep -qx frozen "$work/frozen" || fail "$(cat "$work/frozen")"
until_true 30 "the start after the watchdog of the loop" is_back "$pid"
wait
until_true 5 "the watchdog in the journal" journal_says "-u $unit" 'Watchdog timeout'
holds results 256 || fail "the queue is gone after the watchdog of the loop"

# ---- what repeats ---------------------------------------------------------------------------

# One line of each for 20 times, in at most 5 and the count; the last count comes with the stop.
on sh -ec 'for i in $(seq 20); do mqbridgectl pause jobs; mqbridgectl resume jobs; done' \
	>/dev/null || fail "no pause"
told_20_times() # event
{
	on journalctl -q -o cat --no-pager "MQB_EVENT=$1" | awk '
		{ lines++; n++ }
		/ \.\.\. repeated [0-9]+ times in the last [0-9]+ s$/ { n += $(NF - 6) - 1 }
		END { exit n != 20 || lines > 10 }'
}

# ---- a clean stop, a reboot -----------------------------------------------------------------

on systemctl stop $unit || fail "it does not stop"
is Result success || fail "the stop ended with $(show Result)"
is ExecMainStatus 0 || fail "its exit status is $(show ExecMainStatus)"
holds results 256 || fail "the queue is gone after the stop"
for name in route-paused route-resumed; do
	until_true 5 "the count of $name" told_20_times $name
done
on test -s /var/lib/mqbridge/image || fail "no image was written"
# As a reboot leaves it, but for the queues.
on find /run/mqbridge -mindepth 1 -delete
on systemctl start $unit || fail "it does not start from the image"
on /test/traffic consume --queue posix:/results --log /bound/taken --count 50 --timeout 10 ||
	fail "not all messages arrived"
on /test/traffic check --log /bound/taken /bound/sent || fail "the messages are not those sent"
on test ! -e /var/lib/mqbridge/image || fail "the image is still there"

# ---- a bad configuration --------------------------------------------------------------------

on systemctl stop $unit || fail "it does not stop again"
on sh -c 'echo "nonsense = 1;" >>/etc/mqbridge/mqbridge.conf'
! on systemctl start $unit 2>/dev/null || fail "it starts with a bad configuration"
is ExecMainStatus 78 || fail "a bad configuration ends it with $(show ExecMainStatus)"
is ActiveState failed || fail "after a bad configuration it is $(show ActiveState)"
until_true 5 "the fault in the journal" journal_says "-u $unit" 'mqbridge.conf:[0-9]*: nonsense: '

host_stop
echo "systemd: started, reloaded, restarted, killed, hung, stopped, rebooted"
