# shellcheck shell=bash
# For tests of the installed units under a real systemd: a host of its own with everything
# installed. Source it, write $work/stage/etc/mqbridge/mqbridge.conf and what else the host shall
# have below $work/stage, then host_start. Environment: MQBRIDGE_BUILD, where things were built.
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

# The wanted of a unit, said while it lasts: unit_is UNIT PROPERTY VALUE
unit_is()
{
	[ "$(on systemctl show -P "$2" "$1")" = "$3" ]
}

# The MESSAGE_ID of a kind of event, by its line in the catalog.
message_id() # subject
{
	grep -x -B 1 "Subject: $1" "$work/stage$prefix/lib/systemd/catalog/mqbridge.catalog" |
		sed -n 's/^-- //p'
}

# Does a line of the journal match? It may come a moment later.
journal_says() # match pattern
{
	# shellcheck disable=SC2086 # it may be an option and its value
	on journalctl -q -o cat --no-pager $1 | grep -e "$2" >/dev/null
}

# Does the journal hold a line with all these fields? NAME=VALUE...
journal_has()
{
	[ -n "$(on journalctl -q -o cat --no-pager "$@")" ]
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
prefix=${unit_file%/lib/systemd/system/*}
case $unit_file in
/lib/systemd/system/* | /usr/lib/systemd/system/* | /usr/local/lib/systemd/system/*) ;;
*)
	echo "systemd does not look for units in the configured prefix: ${unit_file:-no unit}"
	exit 77
	;;
esac
mkdir -p "$work/stage/etc/mqbridge" "$work/stage/etc/systemd/system/$unit.d" "$work/stage/test"
cp "$here/../harness/freeze.py" "$here/../harness/slices.py" "$work/stage/test/"
cp "$build/tests/tools/traffic" "$work/stage/test/" || fail "tests/tools/traffic is not built"
# A short watchdog, so that the test is short; leaks are no matter of this test.
for name in $unit mqbridged@.service; do
	mkdir -p "$work/stage/etc/systemd/system/$name.d"
	cat >"$work/stage/etc/systemd/system/$name.d/test.conf" <<-END
		[Service]
		WatchdogSec=2s
		Environment=ASAN_OPTIONS=detect_leaks=0
	END
done

# The host's daemon carries the messages of the queue "jobs" to the queue "results", which nobody
# reads: jobs_to_results RING-SIZE MESSAGE-SIZE JOBS-MESSAGES RESULTS-MESSAGES [SETTING]
jobs_to_results()
{
	cat >"$work/stage/etc/mqbridge/mqbridge.conf" <<-END
		name = "alpha";
		${5:-}
		queues = (
		  { name = "jobs"; uri = "posix:/jobs"; ring_size = "$1";
		    create = { max_messages = $3; message_size = "$2"; mode = "0660"; }; },
		  { name = "results"; uri = "posix:/results";
		    create = { max_messages = $4; message_size = "$2"; mode = "0660"; }; }
		);
		routes = ( { name = "jobs"; from = "jobs"; to = "results"; } );
	END
}

host_start()
{
	# shellcheck disable=SC2016 # for the shell inside
	"$here/systemd-host" start "$host" -b "$work:/bound" -c '
		cp -a /bound/stage/. /
		systemd-sysusers
		chown -R root:mqbridge /etc/mqbridge
		chmod 0640 /etc/mqbridge/*.conf
		systemctl -q enable mqbridged.service' || fail "no host"
}

# The host ends, and nothing of it is left.
host_stop()
{
	"$here/systemd-host" stop "$host" || fail "the host does not stop"
	[ "$(outside)" = "$before" ] || fail "the machine outside was changed"
}
