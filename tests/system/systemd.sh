#!/bin/bash
# harness: none (it makes namespaces of its own, and needs the real root)
# The installed units under a real systemd. Environment: MQBRIDGE_BUILD, where things were built.
set -u -o pipefail
here=$(cd -- "$(dirname -- "$0")" && pwd)
build=${BUILD:-${MQBRIDGE_BUILD:?where it was built}}
host=mqb$$
unit=mqbridged.service

if [ -n "${MQBRIDGE_NAMESPACE:-}" ]; then
	echo "runs only outside of tests/in-namespace"
	exit 77
fi
if ! why=$("$here/systemd-host" possible); then
	echo "$why"
	exit 77
fi

work=$(mktemp -d) || exit 1
chmod 0755 "$work"
finish()
{
	[ ! -d "/run/systemd-host/$host" ] || "$here/systemd-host" stop "$host"
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' TERM INT HUP

fail()
{
	echo "$*" >&2
	[ ! -d "/run/systemd-host/$host" ] || on journalctl -u $unit --no-pager -n 60 >&2
	exit 1
}

on()
{
	"$here/systemd-host" exec "$host" "$@"
}

# until_true SECONDS WHAT COMMAND...
until_true()
{
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@"; do
		[ $SECONDS -le $end ] || fail "waited in vain for $what"
		sleep 0.05
	done
}

show() # property
{
	on systemctl show -P "$1" $unit
}

is() # property value
{
	[ "$(show "$1")" = "$2" ]
}

status_is() # pattern
{
	# shellcheck disable=SC2254 # it is a pattern
	case $(show StatusText) in
	$1) ;;
	*) return 1 ;;
	esac
}

# Up again, as another process than the one told; all of one moment.
is_back() # pid
{
	state=$(on systemctl show -p MainPID -p ActiveState -p SubState $unit | sort | tr '\n' ' ')
	case $state in
	"ActiveState=active MainPID=$1 "* | "ActiveState=active MainPID=0 "*) return 1 ;;
	"ActiveState=active MainPID="*" SubState=running ") ;;
	*) return 1 ;;
	esac
}

holds() # queue bytes
{
	on grep -q "QSIZE:$2 " "/dev/mqueue/$1" 2>/dev/null
}

is_empty() # queue
{
	on test -e "/dev/mqueue/$1" && holds "$1" 0
}

# What this test must not touch.
outside()
{
	getent passwd mqbridge
	ipcs -q
	ls -A /run/mqbridge /var/lib/mqbridge /etc/mqbridge 2>&1
	cat /proc/sys/fs/mqueue/*
}
before=$(outside)

# ---- the installation -----------------------------------------------------------------------

umask 022
make -s -C "$build" install DESTDIR="$work/stage" >"$work/install.log" 2>&1 ||
	fail "make install: $(tail -n 20 "$work/install.log")"
unit_file=$(cd "$work/stage" && find . -name $unit)
unit_file=${unit_file#.}
case $unit_file in
/lib/systemd/system/* | /usr/lib/systemd/system/* | /usr/local/lib/systemd/system/*) ;;
*)
	echo "systemd does not look for units in the configured prefix: ${unit_file:-no unit}"
	exit 77
	;;
esac
mkdir -p "$work/stage/etc/mqbridge" "$work/stage/etc/systemd/system/$unit.d" "$work/stage/test"
cp "$build/tests/tools/traffic" "$work/stage/test/" || fail "tests/tools/traffic is not built"
# A short watchdog, so that the test is short; leaks are no matter of this test.
cat >"$work/stage/etc/systemd/system/$unit.d/test.conf" <<END
[Service]
WatchdogSec=1s
Environment=ASAN_OPTIONS=detect_leaks=0
END
cat >"$work/stage/etc/mqbridge/mqbridge.conf" <<END
name = "alpha";
queues = (
  { name = "jobs"; uri = "posix:/jobs"; ring_size = "64KiB";
    create = { max_messages = 4; message_size = "64"; mode = "0660"; }; },
  { name = "results"; uri = "posix:/results";
    create = { max_messages = 4; message_size = "64"; mode = "0660"; }; }
);
routes = ( { name = "jobs"; from = "jobs"; to = "results"; } );
END
# shellcheck disable=SC2016 # for the shell inside
"$here/systemd-host" start "$host" -b "$work:/bound" -c '
	cp -a /bound/stage/. /
	systemd-sysusers
	chown -R root:mqbridge /etc/mqbridge
	chmod 0640 /etc/mqbridge/mqbridge.conf
	systemctl -q enable mqbridged.service' || fail "no host"

# It exits 0 for a misspelt option or a bad value, so anything that it says is a fault.
says=$(on systemd-analyze verify --man=no "$unit_file" 2>&1)
[ -z "$says" ] || fail "systemd-analyze verify: $says"
on systemd-analyze security --offline=true --threshold=14 "$unit_file" >"$work/exposure" ||
	fail "systemd-analyze security: $(tail -n 1 "$work/exposure")"
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

# ---- killed, hung ---------------------------------------------------------------------------

on systemctl kill -s KILL --kill-who=main $unit
until_true 20 "the start after SIGKILL" is_back "$pid"
is NRestarts 1 || fail "restarted $(show NRestarts) times after SIGKILL"
holds results 256 || fail "the queue is gone with the process"

pid=$(show MainPID)
on systemctl kill -s STOP --kill-who=main $unit
until_true 30 "the start after the watchdog" is_back "$pid"
holds results 256 || fail "the queue is gone after the watchdog"

# ---- a clean stop, a reboot -----------------------------------------------------------------

on systemctl stop $unit || fail "it does not stop"
is Result success || fail "the stop ended with $(show Result)"
is ExecMainStatus 0 || fail "its exit status is $(show ExecMainStatus)"
holds results 256 || fail "the queue is gone after the stop"
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
on journalctl -u $unit -o cat --no-pager | grep -q 'mqbridge.conf:[0-9]*: nonsense: ' ||
	fail "the journal does not name the fault"

"$here/systemd-host" stop "$host" || fail "the host does not stop"
[ "$(outside)" = "$before" ] || fail "the machine outside was changed"
echo "systemd: started, killed, hung, stopped, rebooted"
