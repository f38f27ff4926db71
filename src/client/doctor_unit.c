#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/quote.h"
#include "client/doctor_private.h"
#include "config/conf.h"
#include "needs/needs.h"

/* ---- the user ----------------------------------------------------------------------- */

/* "Groups:\t0 4 27": those of a process; proc(5). */
static void
take_groups(struct doctor_user *us, const char *list)
{
	char *end;

	while (us->n_groups < DOCTOR_GROUPS) {
		unsigned long group = strtoul(list, &end, 10);

		if (end == list)
			return;
		us->groups[us->n_groups++] = (gid_t)group;
		list = end;
	}
}

/* "Uid:\t0\t1000\t0\t0", where the second is the effective one. */
static bool
take_effective(unsigned *ret, const char *line, const char *heading)
{
	char *end;

	if (strncmp(line, heading, strlen(heading)) != 0)
		return false;
	(void)strtoul(line + strlen(heading), &end, 10);
	*ret = (unsigned)strtoul(end, NULL, 10);
	return true;
}

/* As the running daemon really is. Returns 0 or -errno. */
static int
take_process(struct doctor_user *us, pid_t pid)
{
	char path[64], line[1024];
	unsigned gid;
	bool found = false;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return -errno;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (take_effective(&us->uid, line, "Uid:")) {
			found = true;
		} else if (take_effective(&gid, line, "Gid:")) {
			us->groups[us->n_groups++] = gid;
		} else if (strncmp(line, "Groups:", 7) == 0) {
			take_groups(us, line + 7);
		}
	}
	(void)fclose(file);
	return found ? 0 : -ESRCH;
}

static int
take_account(struct doctor_user *us, const struct passwd *pw)
{
	if (pw == NULL)
		return -ENOENT;
	(void)snprintf(us->name, sizeof(us->name), "%s", pw->pw_name);
	us->uid = pw->pw_uid;
	us->n_groups = DOCTOR_GROUPS;
	if (getgrouplist(pw->pw_name, pw->pw_gid, us->groups, &us->n_groups) < 0)
		us->n_groups = DOCTOR_GROUPS; /* the first of them */
	return 0;
}

static int
take_name(struct doctor_user *us, const char *name)
{
	uint64_t uid;

	if (parse_u64(&uid, name, 0, UINT32_MAX - 1) == 0)
		return take_account(us, getpwuid((uid_t)uid));
	return take_account(us, getpwnam(name));
}

static void
take_ourselves(struct doctor_user *us)
{
	us->uid = geteuid();
	us->groups[0] = getegid();
	us->n_groups = getgroups(DOCTOR_GROUPS - 1, us->groups + 1);
	us->n_groups = us->n_groups < 0 ? 1 : us->n_groups + 1;
}

static void
name_user(struct doctor_user *us)
{
	const struct passwd *pw = getpwuid(us->uid);

	if (us->name[0] == '\0' && pw != NULL)
		(void)snprintf(us->name, sizeof(us->name), "%s", pw->pw_name);
	else if (us->name[0] == '\0')
		(void)snprintf(us->name, sizeof(us->name), "%u", us->uid);
}

static void
find_user(struct doctor *dr, bool installed)
{
	char wanted[DOCTOR_NAME] = NEEDS_SERVICE_USER;
	json_t *fi;

	if (dr->daemon > 0 && take_process(&dr->user, dr->daemon) == 0)
		return;
	dr->user = (struct doctor_user){ 0 };
	(void)(ini_read(wanted, sizeof(wanted), &dr->unit, "User") < 0);
	if (take_name(&dr->user, wanted) == 0)
		return;
	take_ourselves(&dr->user);
	name_user(&dr->user);
	fi = findings_add(
	    &dr->findings, installed ? FINDING_BAD : FINDING_WARNING, wanted);
	finding_say(fi, "what", "there is no such user; judged by the rights of %s",
	    dr->user.name);
	finding_say(fi, "why", "the service runs as it");
	finding_say(fi, "mend", "systemd-sysusers, or useradd --system %s", wanted);
}

static void
judge_user(struct doctor *dr)
{
	enum needs_user kind = needs_user_kind(dr->user.uid);
	json_t *fi = findings_add(&dr->findings,
	    kind == NEEDS_USER_DYNAMIC ? FINDING_WARNING : FINDING_GOOD, "user");

	finding_say(fi, "what", "the daemon %s as %s",
	    dr->daemon > 0 ? "runs" : "will run", dr->user.name);
	if (kind != NEEDS_USER_DYNAMIC)
		return;
	finding_say(fi, "why",
	    "it is a dynamic user: systemd deletes its queues whenever the service stops");
	finding_say(fi, "mend", "in %s: User=%s, and no DynamicUser=", dr->unit.file,
	    NEEDS_SERVICE_USER);
}

/* ---- the units ---------------------------------------------------------------------- */

static bool
find_unit(struct doctor *dr)
{
	char path[4096];
	json_t *fi = findings_add(&dr->findings, FINDING_GOOD, dr->unit.file);

	if (ini_path(path, sizeof(path), &dr->unit) < 0) {
		finding_say(
		    fi, "what", "not installed: nothing starts the daemon by it");
		return false;
	}
	finding_say(fi, "what", "%s", path);
	return true;
}

static void
judge_socket(struct doctor *dr, const char *file, const char *wanted)
{
	struct ini in = { file, dr->unit.dirs };
	char name[256] = "";
	json_t *fi;

	if (ini_path(name, sizeof(name), &in) < 0)
		return;
	name[0] = '\0';
	if (ini_read(name, sizeof(name), &in, "FileDescriptorName") == 0 &&
	    strncmp(name, wanted, strlen(wanted)) == 0)
		return;
	fi = findings_add(&dr->findings, FINDING_WARNING, file);
	finding_say(fi, "what", "its socket is called \"%s\"", name);
	finding_say(fi, "why", "the daemon knows what a socket is for by that name");
	finding_say(fi, "mend", "in %s: FileDescriptorName=%s", file, wanted);
}

void
doctor_unit(struct doctor *dr)
{
	bool installed = find_unit(dr);

	judge_socket(dr, "mqbridge-control.socket", "control");
	judge_socket(dr, "mqbridge-listener.socket", "listener");
	find_user(dr, installed);
	name_user(&dr->user);
	judge_user(dr);
}
