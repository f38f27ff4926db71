#include "spool/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "record/record.h"
#include "spool/image_layout.h"
#include "spool/image_load.h"
#include "spool/names.h"
#include "spool/runtime.h"
#include "spool/why.h"

struct writer {
	int runtime_fd;
	int state_fd;
	int fd;      /* image.tmp */
	uint64_t at; /* bytes written */
	uint32_t lineage;
	char **error;
};

static int
put(struct writer *wr, const void *bytes, size_t len)
{
	int rc = file_write_all(wr->fd, bytes, len);

	if (rc == 0)
		wr->at += len;
	return rc;
}

static int
put_at(const struct writer *wr, const void *bytes, size_t len, uint64_t at)
{
	ssize_t n = pwrite(wr->fd, bytes, len, (off_t)at);

	if (n < 0)
		return -errno;
	/* The place was written before, so a disk does not run full here. */
	return (size_t)n == len ? 0 : -EIO;
}

static int
put_extent(struct writer *wr, struct image_section *se, const uint8_t *bytes,
    const struct image_extent *ex)
{
	int rc = put(wr, ex, sizeof(*ex));

	if (rc < 0)
		return rc;
	se->data_crc = crc32c(se->data_crc, ex, sizeof(*ex));
	se->data_crc = crc32c(se->data_crc, bytes, ex->bytes);
	se->stored_bytes += sizeof(*ex) + ex->bytes;
	return put(wr, bytes, ex->bytes);
}

static bool
is_filled(const uint8_t *bytes, size_t len, uint8_t fill)
{
	return bytes[0] == fill && memcmp(bytes, bytes + 1, len - 1) == 0;
}

static size_t
page_at(size_t at, size_t len)
{
	return len - at < IMAGE_PAGE ? len - at : IMAGE_PAGE;
}

/* Store the runs of pages that hold anything but the fill byte. */
static int
put_chunk(struct writer *wr, struct image_section *se, const uint8_t *bytes, size_t len,
    uint64_t file_at)
{
	uint8_t fill = (uint8_t)se->fill;
	size_t at = 0;

	while (at < len) {
		size_t from = at;
		struct image_extent ex = { 0 };
		int rc;

		while (at < len && !is_filled(bytes + at, page_at(at, len), fill))
			at += page_at(at, len);
		if (at == from) {
			at += page_at(at, len);
			continue;
		}
		ex.at = file_at + from;
		ex.bytes = (uint32_t)(at - from);
		rc = put_extent(wr, se, bytes + from, &ex);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int
put_extents(struct writer *wr, struct image_section *se, int fd)
{
	uint8_t chunk[IMAGE_CHUNK];
	uint64_t at = 0;

	while (at < se->file_bytes) {
		uint64_t left = se->file_bytes - at;
		size_t len = left < sizeof(chunk) ? (size_t)left : sizeof(chunk);
		int rc = file_pread_all(fd, chunk, len, (off_t)at);

		if (rc == 0)
			rc = put_chunk(wr, se, chunk, len, at);
		if (rc < 0)
			return rc;
		at += len;
	}
	return 0;
}

static int
put_file(struct writer *wr, const char *name, int fd)
{
	struct image_section se = { .magic = IMAGE_SECTION_MAGIC };
	uint64_t header_at = wr->at;
	struct stat st;
	int rc;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > IMAGE_FILE_MAX)
		return -EFBIG;
	se.kind = (uint32_t)state_file_kind(name);
	memcpy(se.name, name, strlen(name));
	se.file_bytes = (uint64_t)st.st_size;
	se.fill = se.kind == STATE_FILE_RING ? RECORD_PAD : 0;
	rc = put(wr, &se, sizeof(se)); /* to be overwritten when all is known */
	if (rc == 0)
		rc = put_extents(wr, &se, fd);
	if (rc < 0)
		return rc;
	se.crc = crc32c(0, &se, offsetof(struct image_section, crc));
	return put_at(wr, &se, sizeof(se), header_at);
}

static int
put_named(struct writer *wr, const char *name)
{
	int fd = openat(wr->runtime_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int rc;

	if (fd < 0)
		return why_set(wr->error, -errno, "%s cannot be opened: %s", name,
		    strerror(errno));
	rc = put_file(wr, name, fd);
	(void)close(fd);
	if (rc < 0)
		return why_set(wr->error, rc, "%s cannot be saved to \"%s\": %s", name,
		    IMAGE_TEMPORARY, strerror(-rc));
	return 0;
}

static int
put_all(struct writer *wr, const struct names *nm, int64_t clock_ns)
{
	struct image_header hd = {
		.version = IMAGE_VERSION,
		.sections = (uint32_t)nm->n,
		.anchor = {
			.boot_ns = clock_boot_ns(),
			.wall_ns = clock_wall_ns(),
			.clock_ns = clock_ns,
		},
		.lineage = wr->lineage,
	};
	int rc;

	memcpy(hd.magic, IMAGE_MAGIC, sizeof(hd.magic));
	anchor_boot(&hd.anchor.boot);
	rc = put(wr, &hd, sizeof(hd));
	for (size_t i = 0; i < nm->n && rc == 0; i++)
		rc = put_named(wr, nm->at[i]);
	if (rc < 0)
		return rc;
	hd.bytes = wr->at;
	hd.crc = crc32c(0, &hd, offsetof(struct image_header, crc));
	CRASH_POINT("image.files");
	rc = put_at(wr, &hd, sizeof(hd), 0);
	if (rc == 0 && fsync(wr->fd) < 0)
		rc = -errno;
	return rc;
}

/* A tool that root runs must leave a file that the daemon's user can read. Where that is not
 * permitted a saved image is still better than none. */
static int
give_to_owner(int fd, int dir_fd)
{
	struct stat st;

	if (fstat(dir_fd, &st) < 0)
		return -errno;
	if (geteuid() != 0 || fchown(fd, st.st_uid, st.st_gid) == 0)
		return 0;
	return errno == EPERM || errno == EINVAL ? 0 : -errno;
}

static int
put_image(struct writer *wr, const struct names *nm, int64_t clock_ns)
{
	int rc;

	if (unlinkat(wr->state_fd, IMAGE_TEMPORARY, 0) < 0 && errno != ENOENT)
		return -errno;
	wr->fd = openat(wr->state_fd, IMAGE_TEMPORARY,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (wr->fd < 0)
		return -errno;
	rc = give_to_owner(wr->fd, wr->state_fd);
	CRASH_POINT("image.made");
	if (rc == 0)
		rc = put_all(wr, nm, clock_ns);
	CRASH_POINT("image.written");
	if (close(wr->fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0 &&
	    renameat(wr->state_fd, IMAGE_TEMPORARY, wr->state_fd, IMAGE_FILE) < 0)
		rc = -errno;
	if (rc < 0) {
		(void)unlinkat(wr->state_fd, IMAGE_TEMPORARY, 0);
		return rc;
	}
	CRASH_POINT("image.renamed");
	return file_sync_dir(wr->state_fd);
}

/* What overflow logs appended is on disk before an image tells how far they are written,
 * whoever appended it: an image that is there is relied upon. */
static int
sync_logs(const struct writer *wr, const struct names *nm)
{
	for (size_t i = 0; i < nm->n; i++) {
		if (state_file_kind(nm->at[i]) != STATE_FILE_LOG)
			continue;
		if (syncfs(wr->state_fd) == 0)
			return 0;
		return why_set(wr->error, -errno,
		    "the overflow logs cannot be written to disk: %s", strerror(errno));
	}
	return 0;
}

/* One of another state is not written over. */
static int
keep_foreign(const struct writer *wr)
{
	char name[IMAGE_ASIDE_NAME];
	uint32_t lineage;
	int rc;

	if (image_lineage(wr->state_fd, &lineage, NULL) < 0 || lineage == wr->lineage)
		return 0;
	rc = image_set_aside(wr->state_fd, IMAGE_SUPERSEDED, name, sizeof(name));
	if (rc < 0)
		return why_set(wr->error, rc,
		    "the image of another state cannot be renamed to %s: %s", name,
		    strerror(-rc));
	return 0;
}

int
image_save(struct runtime *rt, char **error)
{
	struct writer wr = {
		.runtime_fd = runtime_dir_fd(rt),
		.state_fd = runtime_state_fd(rt),
		.fd = -1,
		.lineage = runtime_lineage(rt),
		.error = error,
	};
	struct names nm = { 0 };
	int rc;

	if (error != NULL)
		*error = NULL;
	rc = names_list(&nm, wr.runtime_fd, state_file_is);
	if (rc == 0) {
		rc = sync_logs(&wr, &nm);
		if (rc == 0)
			rc = keep_foreign(&wr);
		if (rc == 0)
			rc = put_image(&wr, &nm, runtime_clock_ns(rt));
		names_done(&nm);
	}
	CRASH_POINT("image.saved");
	if (rc < 0)
		return why_set(
		    error, rc, "the image cannot be written: %s", strerror(-rc));
	return 0;
}
