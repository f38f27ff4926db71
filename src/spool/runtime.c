#include "spool/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/id.h"
#include "spool/anchor.h"
#include "spool/image_layout.h"
#include "spool/image_load.h"
#include "spool/names.h"
#include "spool/state_file.h"
#include "spool/why.h"

#define LOCK_FILE     "lock"
#define EPOCH_FILE    "epoch"
#define EPOCH_MAGIC   "MQBEPOCH"
#define EPOCH_VERSION 1

/* The file "epoch": its presence says that the state beside it is complete.
 * docs/spool-format.md, section 6. */
struct epoch {
	char magic[8];
	uint32_t version;
	uint32_t reserved;
	struct anchor anchor;
	uint32_t lineage; /* 0: not known */
	uint32_t crc;     /* over the fields before it */
};

struct runtime {
	int dir_fd;
	int state_fd;
	int lock_fd;
	bool complete;
	bool fresh; /* it held nothing at all */
	bool restored;
	bool anchored;
	bool epoch_damaged;
	uint32_t lineage;     /* 0: not known */
	const char *salvaged; /* why the image is damaged; NULL: it is not */
	uint32_t salvaged_files;
	uint32_t dropped_files;
	char *damage;         /* text for the log, or NULL */
	struct anchor anchor; /* of the complete state, when anchored */
	int64_t offset_ns;    /* of the runtime clock to CLOCK_BOOTTIME */
	const char *dir;      /* for error texts, borrowed while opening */
	const char *state_dir;
	char **error;
};

static int
open_directory(struct runtime *rt, const char *path, int *ret_fd)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return why_set(rt->error, -errno, "%s cannot be opened: %s", path,
		    strerror(errno));
	*ret_fd = fd;
	return 0;
}

static int
lock(const struct runtime *rt, int fd, const char *path)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return why_set(rt->error, -EBUSY,
		    "%s is in use: another mqbridged or mqbridge-spool holds its lock",
		    path);
	return why_set(
	    rt->error, -errno, "%s cannot be locked: %s", path, strerror(errno));
}

static int
check_tmpfs(const struct runtime *rt)
{
	int rc = file_is_tmpfs(rt->dir_fd);

	if (rc < 0)
		return why_set(
		    rt->error, rc, "%s cannot be examined: %s", rt->dir, strerror(-rc));
	if (rc == 0)
		return why_set(rt->error, -EMEDIUMTYPE,
		    "%s is not on tmpfs, where alone messages survive a crash: use a "
		    "directory below /run, or mount a tmpfs there",
		    rt->dir);
	return 0;
}

/* The state directory is locked too: two daemons with one would replace each other's image. */
static int
open_locked(struct runtime *rt, int lock_flags)
{
	int rc;

	rc = open_directory(rt, rt->dir, &rt->dir_fd);
	/* A tool may look at a copy on disk. */
	if (rc == 0 && (lock_flags & O_CREAT) != 0)
		rc = check_tmpfs(rt);
	if (rc < 0)
		return rc;
	rt->lock_fd = openat(
	    rt->dir_fd, LOCK_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW | lock_flags, 0640);
	if (rt->lock_fd < 0)
		return why_set(rt->error, -errno, "%s/%s cannot be opened: %s", rt->dir,
		    LOCK_FILE, strerror(errno));
	rc = lock(rt, rt->lock_fd, rt->dir);
	if (rc == 0)
		rc = open_directory(rt, rt->state_dir, &rt->state_fd);
	if (rc == 0)
		rc = lock(rt, rt->state_fd, rt->state_dir);
	return rc;
}

/* It is put in place as a whole, so that it is there says what it is there to say; only the
 * clock is lost with a damaged one. */
static bool
epoch_whole(const struct epoch *ep, size_t len)
{
	return len == sizeof(*ep) &&
	       memcmp(ep->magic, EPOCH_MAGIC, sizeof(ep->magic)) == 0 &&
	       ep->crc == crc32c(0, ep, offsetof(struct epoch, crc));
}

/* Is there a state without its epoch that no image replaces? Somebody removed the epoch:
 * loading an image does not unlink it before the epoch is in place. 1, 0 or -errno. */
static int
has_files(const struct runtime *rt)
{
	struct names nm = { 0 };
	int rc = names_list(&nm, rt->dir_fd, state_file_is);

	if (rc < 0)
		return why_set(
		    rt->error, rc, "%s cannot be listed: %s", rt->dir, strerror(-rc));
	rc = nm.n > 0;
	names_done(&nm);
	return rc;
}

/* 1: the state is complete; 0: no epoch. */
static int
read_epoch(struct runtime *rt)
{
	struct epoch ep;
	char *bytes;
	size_t len;
	int rc;

	rc = file_read(&bytes, &len, rt->dir_fd, EPOCH_FILE, sizeof(ep));
	if (rc == -ENOENT)
		return 0;
	if (rc == 0) {
		memset(&ep, 0, sizeof(ep));
		memcpy(&ep, bytes, len);
		free(bytes);
	} else if (rc == -EFBIG) {
		len = 0;
	} else {
		return why_set(rt->error, rc, "%s/%s cannot be read: %s", rt->dir,
		    EPOCH_FILE, strerror(-rc));
	}
	if (!epoch_whole(&ep, len)) {
		rt->epoch_damaged = true;
		return has_files(rt);
	}
	if (ep.version != EPOCH_VERSION)
		return why_set(rt->error, -ENOTSUP,
		    "%s/%s has version %u, this program knows version %d", rt->dir,
		    EPOCH_FILE, ep.version, EPOCH_VERSION);
	rt->anchor = ep.anchor;
	rt->anchored = true;
	rt->lineage = ep.lineage;
	return 1;
}

static int
write_epoch(struct runtime *rt, const struct anchor *now)
{
	struct epoch ep = {
		.version = EPOCH_VERSION, .anchor = *now, .lineage = rt->lineage
	};
	int rc;

	memcpy(ep.magic, EPOCH_MAGIC, sizeof(ep.magic));
	ep.crc = crc32c(0, &ep, offsetof(struct epoch, crc));
	rc = file_replace(rt->dir_fd, EPOCH_FILE, &ep, sizeof(ep), 0);
	if (rc < 0)
		return why_set(rt->error, rc, "%s/%s cannot be written: %s", rt->dir,
		    EPOCH_FILE, strerror(-rc));
	return 0;
}

/* What the directories hold: 1 in *ret_image if an image, complete if a state. */
static int
examine(struct runtime *rt, int *ret_image)
{
	int complete = read_epoch(rt);
	int image;

	if (complete < 0)
		return complete;
	image = image_exists(rt->state_fd);
	if (image < 0)
		return why_set(rt->error, image, "%s/%s cannot be examined: %s",
		    rt->state_dir, IMAGE_FILE, strerror(-image));
	if (complete == 0 && image == 0)
		complete = has_files(rt);
	if (complete < 0)
		return complete;
	rt->complete = complete == 1;
	rt->fresh = complete == 0 && image == 0;
	*ret_image = image;
	return 0;
}

static int
remove_incomplete(const struct runtime *rt, bool (*which)(const char *name))
{
	int rc = names_remove(rt->dir_fd, which);

	if (rc < 0)
		return why_set(rt->error, rc,
		    "incomplete files in %s cannot be removed: %s", rt->dir,
		    strerror(-rc));
	return 0;
}

static int
restore(struct runtime *rt)
{
	struct image_info info;
	int rc;

	rc = remove_incomplete(rt, state_file_is);
	if (rc < 0)
		return rc;
	rc = image_load(rt->dir_fd, rt->state_fd, &info, rt->error);
	if (rc < 0) {
		/* Half of a state would only keep a full tmpfs full. */
		(void)names_remove(rt->dir_fd, state_file_is);
		return rc;
	}
	rt->anchor = info.anchor;
	rt->lineage = info.lineage;
	rt->anchored = info.damage == NULL || info.anchor.wall_ns != 0;
	rt->restored = true;
	rt->salvaged = info.damage;
	rt->salvaged_files = info.files;
	rt->dropped_files = info.dropped;
	return 0;
}

/* What is damaged is never deleted. */
static int
keep_image(struct runtime *rt)
{
	char name[IMAGE_ASIDE_NAME];
	int rc = image_set_aside(rt->state_fd, IMAGE_DAMAGED, name, sizeof(name));

	if (rc < 0)
		return why_set(rt->error, rc, "%s/%s cannot be renamed to %s: %s",
		    rt->state_dir, IMAGE_FILE, name, strerror(-rc));
	(void)why_set(&rt->damage, 0,
	    "the image was damaged (%s): %u files were taken from it, with gaps where "
	    "they are reported; %sit is kept as %s/%s",
	    rt->salvaged, rt->salvaged_files,
	    rt->dropped_files == 0
		? ""
		: "what was delivered to this host is not known any more, so all that "
		  "was in flight to it is in doubt; ",
	    rt->state_dir, name);
	return 0;
}

/* Is it of another state than the one that counts? As when the state directory was not mounted
 * at a start, which then began with nothing. 1, 0 or -errno. */
static int
is_foreign(const struct runtime *rt)
{
	uint32_t lineage;
	int rc;

	if (rt->restored)
		return 0;
	rc = image_lineage(rt->state_fd, &lineage, NULL);
	if (rc == -EBADMSG || rc == -ENOTSUP)
		return 1;
	if (rc < 0)
		return why_set(rt->error, rc, "%s/%s cannot be read: %s", rt->state_dir,
		    IMAGE_FILE, strerror(-rc));
	return lineage != rt->lineage;
}

static int
keep_foreign(struct runtime *rt)
{
	char name[IMAGE_ASIDE_NAME];
	int rc = image_set_aside(rt->state_fd, IMAGE_SUPERSEDED, name, sizeof(name));

	if (rc < 0)
		return why_set(rt->error, rc, "%s/%s cannot be renamed to %s: %s",
		    rt->state_dir, IMAGE_FILE, name, strerror(-rc));
	(void)why_set(&rt->damage, 0,
	    "the image in the state directory is not of the state in the runtime "
	    "directory, as after a start while the state directory was not mounted; the "
	    "daemon goes on with the runtime directory, and the messages of the image "
	    "stay in it: it is kept as %s/%s (to go on from it instead: stop, empty the "
	    "runtime directory and rename it to \"image\"; in a directory of its own, "
	    "under that name, mqbridge-spool export of it shows the messages)",
	    rt->state_dir, name);
	return 0;
}

static int
unlink_image(struct runtime *rt)
{
	int rc;

	if (rt->salvaged != NULL)
		return keep_image(rt);
	rc = is_foreign(rt);
	if (rc != 0)
		return rc < 0 ? rc : keep_foreign(rt);
	if (unlinkat(rt->state_fd, IMAGE_FILE, 0) < 0)
		rc = -errno;
	CRASH_POINT("runtime.image_unlinked");
	if (rc == 0)
		rc = file_sync_dir(rt->state_fd);
	if (rc < 0)
		return why_set(rt->error, rc, "%s/%s cannot be removed: %s",
		    rt->state_dir, IMAGE_FILE, strerror(-rc));
	CRASH_POINT("runtime.image_gone");
	return 0;
}

/* Of a state that has none. While an image of it may still lie there, it keeps the 0 that both
 * have. */
static int
make_lineage(struct runtime *rt)
{
	struct id id;
	int rc = id_make(&id);

	if (rc < 0)
		return why_set(rt->error, rc, "no random number: %s", strerror(-rc));
	memcpy(&rt->lineage, &id, sizeof(rt->lineage));
	rt->lineage |= 1;
	return 0;
}

static void
set_clock(struct runtime *rt, struct anchor *now)
{
	anchor_boot(&now->boot);
	now->boot_ns = clock_boot_ns();
	now->wall_ns = clock_wall_ns();
	rt->offset_ns = rt->anchored ? anchor_offset(&rt->anchor, now) : 0;
	now->clock_ns = now->boot_ns + rt->offset_ns;
}

/* The order counts: the epoch is written when the state is complete, and the image goes only
 * then. A kill anywhere leaves one of the two whole. */
static int
bring_into_force(struct runtime *rt)
{
	struct anchor now;
	int image = 0;
	int rc;

	rc = examine(rt, &image);
	if (rc == 0)
		rc = remove_incomplete(rt, state_file_is_temporary);
	if (rc < 0)
		return rc;
	(void)unlinkat(rt->state_fd, IMAGE_TEMPORARY, 0);
	if (!rt->complete && image == 1)
		rc = restore(rt);
	if (rc < 0)
		return rc;
	CRASH_POINT("runtime.restored");
	rt->complete = true;
	set_clock(rt, &now);
	if (image == 0 && rt->lineage == 0)
		rc = make_lineage(rt);
	if (rc == 0)
		rc = write_epoch(rt, &now);
	CRASH_POINT("runtime.epoch");
	if (rc == 0 && image == 1)
		rc = unlink_image(rt);
	if (rc < 0 || rt->lineage != 0)
		return rc;
	rc = make_lineage(rt);
	return rc == 0 ? write_epoch(rt, &now) : rc;
}

static struct runtime *
new_runtime(const char *runtime_dir, const char *state_dir, char **error)
{
	struct runtime *rt = calloc(1, sizeof(*rt));

	if (error != NULL)
		*error = NULL;
	if (rt == NULL)
		return NULL;
	rt->dir_fd = rt->state_fd = rt->lock_fd = -1;
	rt->dir = runtime_dir;
	rt->state_dir = state_dir;
	rt->error = error;
	return rt;
}

static int
finish(struct runtime *rt, int rc, struct runtime **ret)
{
	if (rc < 0) {
		runtime_close(rt);
		return rc;
	}
	rt->dir = rt->state_dir = NULL;
	rt->error = NULL;
	*ret = rt;
	return 0;
}

int
runtime_open(
    struct runtime **ret, const char *runtime_dir, const char *state_dir, char **error)
{
	struct runtime *rt = new_runtime(runtime_dir, state_dir, error);
	int rc;

	if (rt == NULL)
		return -ENOMEM;
	rc = open_locked(rt, O_CREAT);
	if (rc == 0)
		rc = bring_into_force(rt);
	return finish(rt, rc, ret);
}

static bool
never_ran(const char *runtime_dir)
{
	int fd = open(runtime_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ret;

	if (fd < 0)
		return errno == ENOENT;
	ret = faccessat(fd, LOCK_FILE, F_OK, 0) < 0 && errno == ENOENT &&
	      faccessat(fd, EPOCH_FILE, F_OK, 0) < 0 && errno == ENOENT;
	(void)close(fd);
	return ret;
}

int
runtime_open_stopped(
    struct runtime **ret, const char *runtime_dir, const char *state_dir, char **error)
{
	struct runtime *rt = new_runtime(runtime_dir, state_dir, error);
	struct anchor now;
	int image = 0;
	int rc;

	if (rt == NULL)
		return -ENOMEM;
	if (never_ran(runtime_dir)) {
		runtime_close(rt);
		return 1;
	}
	rc = open_locked(rt, 0);
	if (rc == 0)
		rc = examine(rt, &image);
	if (rc == 0)
		set_clock(rt, &now);
	return finish(rt, rc, ret);
}

void
runtime_close(struct runtime *rt)
{
	if (rt == NULL)
		return;
	if (rt->state_fd >= 0)
		(void)close(rt->state_fd);
	if (rt->lock_fd >= 0)
		(void)close(rt->lock_fd);
	if (rt->dir_fd >= 0)
		(void)close(rt->dir_fd);
	free(rt->damage);
	free(rt);
}

int
runtime_dir_fd(const struct runtime *rt)
{
	return rt->dir_fd;
}

int
runtime_state_fd(const struct runtime *rt)
{
	return rt->state_fd;
}

bool
runtime_is_new(const struct runtime *rt)
{
	return rt->fresh;
}

bool
runtime_restored(const struct runtime *rt)
{
	return rt->restored;
}

const char *
runtime_damage(const struct runtime *rt)
{
	if (rt->damage == NULL && rt->epoch_damaged)
		return "the file \"epoch\" was damaged: messages may seem younger than "
		       "they are";
	return rt->damage;
}

bool
runtime_complete(const struct runtime *rt)
{
	return rt->complete;
}

uint32_t
runtime_lineage(const struct runtime *rt)
{
	return rt->lineage;
}

int64_t
runtime_clock_ns(const struct runtime *rt)
{
	return clock_boot_ns() + rt->offset_ns;
}
