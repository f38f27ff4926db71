#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parse.h"
#include "client/doctor_private.h"
#include "config/conf.h"
#include "needs/needs.h"
#include "spool/space.h"

#define BLOCK     512 /* bytes of st_blocks; stat(2) */
#define SIZE_TEXT 32
#define MIB(n)    (((n) + (UINT64_C(1) << 20) - 1) >> 20)

/* Open a directory that the user may use; else tell why not. A descriptor or -errno. */
static int
open_directory(struct doctor *dr, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : 0;
	struct stat st = { 0 };
	json_t *fi;

	if (fd >= 0 && fstat(fd, &st) == 0 &&
	    doctor_may(&dr->user, &st, S_IROTH | S_IWOTH | S_IXOTH))
		return fd;
	fi = findings_add(&dr->findings, FINDING_BAD, path);
	if (rc == -EACCES) {
		finding_say(fi, "what", "cannot be looked into");
		finding_say(fi, "why", "%s", strerror(-rc));
		finding_say(fi, "mend", "ask as root");
		return rc;
	}
	if (rc < 0) {
		finding_say(fi, "what", "cannot be used");
		finding_say(fi, "why", "%s", strerror(-rc));
		finding_say(fi, "mend",
		    "install -d -m 0750 -o %s %s; systemd-tmpfiles --create makes those of "
		    "the package",
		    dr->user.name, path);
		return rc;
	}
	(void)close(fd);
	finding_say(fi, "what", "%s may not write there", dr->user.name);
	finding_say(fi, "why", "it is of user %u, group %u, mode %04o", st.st_uid,
	    st.st_gid, st.st_mode & 07777);
	finding_say(
	    fi, "mend", "chown %s %s && chmod u+rwx %s", dr->user.name, path, path);
	return -EACCES;
}

/* Bytes of the files in a directory. */
static uint64_t
directory_bytes(int fd)
{
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own < 0 ? NULL : fdopendir(own);
	const struct dirent *entry;
	uint64_t sum = 0;
	struct stat st;

	if (dir == NULL) {
		if (own >= 0)
			(void)close(own);
		return 0;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			sum += (uint64_t)st.st_blocks * BLOCK;
	}
	(void)closedir(dir);
	return sum;
}

static void
judge_ring_room(struct doctor *dr, int fd, const struct statvfs *fs)
{
	const char *path = dr->conf->ring_directory;
	uint64_t needed = needs_ring_directory(dr->conf);
	uint64_t there = directory_bytes(fd);
	uint64_t room = (uint64_t)fs->f_bavail * fs->f_frsize;
	uint64_t more = needed > there ? needed - there : 0;
	char need_text[SIZE_TEXT], room_text[SIZE_TEXT];
	json_t *fi =
	    findings_add(&dr->findings, more > room ? FINDING_BAD : FINDING_GOOD, path);

	finding_say(fi, "what", "on tmpfs with %s free, rings need %s more",
	    format_size(room_text, sizeof(room_text), room),
	    format_size(need_text, sizeof(need_text), more));
	if (more <= room)
		return;
	finding_say(fi, "why", "without its ring nothing is taken from a queue");
	finding_say(fi, "mend",
	    "mount -o remount,size=%" PRIu64
	    "M the tmpfs that it is on, or lower ring_size",
	    MIB((uint64_t)fs->f_blocks * fs->f_frsize + more - room));
}

static void
judge_rings(struct doctor *dr)
{
	const char *path = dr->conf->ring_directory;
	int fd = open_directory(dr, path);
	struct statvfs fs;
	json_t *fi;

	if (fd < 0)
		return;
	if (file_is_tmpfs(fd) == 0) {
		fi = findings_add(&dr->findings, FINDING_BAD, path);
		finding_say(fi, "what", "not on tmpfs: the daemon will not start");
		finding_say(fi, "why",
		    "rings are shared memory, which a disk would slow "
		    "down and an unclean stop would leave half written");
		finding_say(fi, "mend",
		    "ring_directory = \"/run/mqbridge\"; or mount -t tmpfs -o "
		    "mode=0750,uid=%u,size=%" PRIu64 "M tmpfs %s",
		    dr->user.uid, MIB(needs_ring_directory(dr->conf)) + 1, path);
	} else if (fstatvfs(fd, &fs) == 0) {
		judge_ring_room(dr, fd, &fs);
	}
	(void)close(fd);
}

static uint64_t
sum_of_logs(const struct conf *cf)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < cf->n_routes; i++)
		sum += cf->routes[i].enabled ? cf->routes[i].log_limit : 0;
	return sum;
}

static void
judge_state_room(struct doctor *dr, int fd, const struct statvfs *fs)
{
	const struct conf *cf = dr->conf;
	struct space_reserve reserve = { .percent = (unsigned)cf->reserve_percent,
		.bytes = cf->reserve_space };
	uint64_t total = (uint64_t)fs->f_blocks * fs->f_frsize;
	uint64_t room = (uint64_t)fs->f_bavail * fs->f_frsize;
	uint64_t used = directory_bytes(fd),
		 may = sum_of_logs(cf) + cf->dead_letter_limit;
	bool full = !space_allows(&reserve, total, room, 0);
	bool tight = !space_allows(&reserve, total, room, may > used ? may - used : 0);
	char room_text[SIZE_TEXT], may_text[SIZE_TEXT];
	json_t *fi = findings_add(&dr->findings,
	    full ? FINDING_BAD : (tight ? FINDING_WARNING : FINDING_GOOD),
	    cf->state_directory);

	finding_say(fi, "what", "%s free; logs and dead letters may take %s",
	    format_size(room_text, sizeof(room_text), room),
	    format_size(may_text, sizeof(may_text), may));
	if (!full && !tight)
		return;
	finding_say(fi, "why", "%s",
	    full
		? "less is free than reserve_space and reserve_percent keep for others: "
		  "nothing is stored"
		: "reserve_space and reserve_percent will be reached before the limits");
	finding_say(fi, "mend", "%s",
	    full ? "free space in its file system, or lower reserve_space and "
		   "reserve_percent"
		 : "a larger file system, or lower log_limit and dead_letter_limit");
}

static void
judge_state(struct doctor *dr)
{
	int fd = open_directory(dr, dr->conf->state_directory);
	struct statvfs fs;

	if (fd < 0)
		return;
	if (fstatvfs(fd, &fs) == 0)
		judge_state_room(dr, fd, &fs);
	(void)close(fd);
}

void
doctor_space(struct doctor *dr)
{
	judge_rings(dr);
	judge_state(dr);
}
