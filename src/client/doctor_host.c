#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/timex.h>
#include <unistd.h>

#include "client/doctor_private.h"
#include "lib/limits.h"
#include "needs/needs.h"

static const char *const logind_dirs[] = { "/etc/systemd", "/run/systemd",
	"/usr/local/lib/systemd", "/usr/lib/systemd", NULL };

/* Does logind delete the queues of a person who logs out? */
static bool
logind_removes(void)
{
	struct ini in = { "logind.conf", logind_dirs };
	char value[64] = "yes"; /* its preset */

	if (access("/usr/lib/systemd/systemd-logind", F_OK) != 0)
		return false;
	(void)(ini_read(value, sizeof(value), &in, "RemoveIPC") < 0);
	return strcasecmp(value, "no") != 0 && strcasecmp(value, "false") != 0 &&
	       strcasecmp(value, "off") != 0 && strcmp(value, "0") != 0;
}

static void
judge_logind(struct doctor *dr)
{
	bool person = needs_user_kind(dr->user.uid) == NEEDS_USER_PERSON;
	bool removes = logind_removes();
	json_t *fi = findings_add(&dr->findings,
	    removes && person ? FINDING_WARNING : FINDING_GOOD, "RemoveIPC");

	if (!removes) {
		finding_say(fi, "what", "logind deletes no queues");
		return;
	}
	if (!person) {
		finding_say(fi, "what",
		    "logind deletes the queues of people who log out, but %s is a "
		    "system user",
		    dr->user.name);
		return;
	}
	finding_say(fi, "what", "logind deletes the queues of %s when it logs out",
	    dr->user.name);
	finding_say(
	    fi, "why", "it is no system user, and logind.conf has RemoveIPC=yes");
	finding_say(fi, "mend",
	    "RemoveIPC=no below [Login] in /etc/systemd/logind.conf, and systemctl "
	    "restart systemd-logind; or run the daemon as a system user");
}

/* "ipc:[4026531839]" of a process; proc(5). */
static int
read_namespace(char *ret, size_t size, const char *process)
{
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%s/ns/ipc", process);
	n = readlink(path, ret, size - 1);
	if (n < 0)
		return -errno;
	ret[n] = '\0';
	return 0;
}

static void
judge_namespace(struct doctor *dr)
{
	char ours[64], theirs[64], pid[32];
	json_t *fi;

	if (dr->daemon <= 0)
		return;
	(void)snprintf(pid, sizeof(pid), "%ld", (long)dr->daemon);
	if (read_namespace(ours, sizeof(ours), "self") < 0 ||
	    read_namespace(theirs, sizeof(theirs), pid) < 0) {
		fi = findings_add(&dr->findings, FINDING_WARNING, "IPC namespace");
		finding_say(fi, "what", "that of process %s cannot be read", pid);
		finding_say(fi, "why", "it is of another user");
		finding_say(fi, "mend", "ask as root");
		return;
	}
	if (strcmp(ours, theirs) == 0) {
		fi = findings_add(&dr->findings, FINDING_GOOD, "IPC namespace");
		finding_say(fi, "what", "the daemon, process %s, is in ours", pid);
		return;
	}
	fi = findings_add(&dr->findings, FINDING_BAD, "IPC namespace");
	finding_say(
	    fi, "what", "the daemon, process %s, sees other queues than we do", pid);
	finding_say(fi, "why", "it is in %s, we are in %s", theirs, ours);
	finding_say(fi, "mend",
	    "PrivateIPC=no in the unit and a restart, or mqbridged@NAME for the "
	    "namespace that is meant; nsenter --ipc --target %s looks into the daemon's",
	    pid);
}

static void
judge_sysctl(struct doctor *dr)
{
	uint64_t value;
	json_t *fi;
	int rc = limits_read(&value, "fs.mqueue.msg_max");

	if (rc == 0)
		return;
	fi = findings_add(&dr->findings, FINDING_WARNING, "fs.mqueue");
	finding_say(fi, "what", "the limits of POSIX queues cannot be read");
	finding_say(fi, "why", "/proc/sys/fs/mqueue: %s", strerror(-rc));
	finding_say(fi, "mend",
	    "mount -t proc proc /proc, or a kernel with "
	    "CONFIG_POSIX_MQUEUE");
}

static void
judge_clock(struct doctor *dr)
{
	struct timex tx = { 0 };
	bool bad = adjtimex(&tx) == TIME_ERROR || (tx.status & STA_UNSYNC) != 0;
	json_t *fi =
	    findings_add(&dr->findings, bad ? FINDING_WARNING : FINDING_GOOD, "clock");

	finding_say(fi, "what", "%s", bad ? "not synchronised" : "synchronised");
	if (!bad)
		return;
	finding_say(fi, "why",
	    "ages that begin on another host, and times in logs, are wrong by as much "
	    "as the clocks differ; no message is lost by it");
	finding_say(fi, "mend", "timedatectl set-ntp true");
}

void
doctor_host(struct doctor *dr)
{
	judge_logind(dr);
	judge_namespace(dr);
	judge_sysctl(dr);
	judge_clock(dr);
}
