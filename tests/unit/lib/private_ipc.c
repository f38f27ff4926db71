#include "private_ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* All ids where we are root, so that queues can be given away; else our own only. */
#define MAP_ALL "0 0 65536"

static int
write_file(pid_t pid, const char *name, const char *text)
{
	char path[64];
	ssize_t len;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = write(fd, text, strlen(text));
	if (len < 0) {
		int rc = -errno;

		(void)close(fd);
		return rc;
	}
	return close(fd) < 0 ? -errno : 0;
}

/* In a process outside of the new namespace: only there the ids are known. */
static int
write_maps(pid_t pid, unsigned uid, unsigned gid)
{
	char one_uid[32];
	char one_gid[32];

	(void)snprintf(one_uid, sizeof(one_uid), "0 %u 1", uid);
	(void)snprintf(one_gid, sizeof(one_gid), "0 %u 1", gid);
	if (write_file(pid, "uid_map", MAP_ALL) < 0 &&
	    write_file(pid, "uid_map", one_uid) < 0)
		return -1;
	if (write_file(pid, "gid_map", MAP_ALL) == 0)
		return 0;
	if (write_file(pid, "setgroups", "deny") < 0)
		return -1;
	return write_file(pid, "gid_map", one_gid);
}

static int
enter_as_root(void)
{
	unsigned uid = geteuid();
	unsigned gid = getegid();
	pid_t self = getpid();
	int ready[2];
	int status = -1;
	char byte = 0;
	pid_t pid;
	int rc;

	if (pipe(ready) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		(void)close(ready[1]);
		if (read(ready[0], &byte, 1) != 1)
			_exit(1);
		_exit(write_maps(self, uid, gid) == 0 ? 0 : 1);
	}
	rc = unshare(CLONE_NEWUSER | CLONE_NEWIPC) < 0 ? -errno : 0;
	if (rc == 0 && write(ready[1], &byte, 1) != 1)
		rc = -errno;
	(void)close(ready[1]);
	(void)close(ready[0]);
	if (waitpid(pid, &status, 0) != pid || rc < 0)
		return rc < 0 ? rc : -ECHILD;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

/* The thread sanitizer has a thread of its own, and then the kernel gives no new user
 * namespace; inside of tests/in-namespace the one that is there does as well. */
static int
enter(void)
{
	int rc = enter_as_root();

	if (rc == -EINVAL && getenv("MQBRIDGE_NAMESPACE") != NULL)
		rc = unshare(CLONE_NEWIPC) < 0 ? -errno : 0;
	return rc;
}

void
private_ipc_enter(void)
{
	ck_assert_int_eq(enter(), 0);
}

void
private_ipc_own_mounts(void)
{
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL), 0);
	if (access(PRIVATE_IPC_MOUNT, F_OK) == 0)
		return;
	ck_assert_int_eq(mount("none", "/dev", "tmpfs", 0, NULL), 0);
	ck_assert_int_eq(mkdir(PRIVATE_IPC_MOUNT, 0755), 0);
}

int
private_ipc_possible(const char *suite)
{
	int status = -1;
	pid_t pid;

	pid = fork();
	if (pid == 0)
		_exit(enter() == 0 ? 0 : 1);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	    WEXITSTATUS(status) == 0)
		return 1;
	(void)fprintf(
	    stderr, "SKIP %s: no private IPC namespace is permitted here\n", suite);
	return 0;
}
