#include "spool/image_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "spool/image_layout.h"
#include "spool/image_salvage.h"
#include "spool/why.h"

/* Reads an image from front to back. The same walk checks it and, with a directory, makes
 * the files; what is read the second time is checked again. */
struct reader {
	int fd;
	int runtime_fd; /* -1: only check */
	uint64_t at;
	uint64_t end;
	const char *damage; /* what is wrong, when -EBADMSG is returned */
	char name[STATE_FILE_NAME];
	char **error;
};

struct target { /* a file being made; fd -1: none */
	int fd;
	uint64_t at;
	uint8_t fill;
};

static int
damaged(struct reader *rd, const char *what)
{
	rd->damage = what;
	return -EBADMSG;
}

static int
take(struct reader *rd, void *bytes, size_t len)
{
	int rc;

	if (len > rd->end - rd->at)
		return damaged(rd, "it is too short");
	rc = file_pread_all(rd->fd, bytes, len, (off_t)rd->at);
	if (rc == 0)
		rd->at += len;
	return rc;
}

/* Every page is written, free ones too, as in a ring that was just made. */
static int
fill_up(struct target *to, uint64_t end)
{
	uint8_t chunk[IMAGE_CHUNK];
	int rc = 0;

	memset(chunk, to->fill, sizeof(chunk));
	while (to->at < end && rc == 0) {
		uint64_t left = end - to->at;
		size_t len = left < sizeof(chunk) ? (size_t)left : sizeof(chunk);

		rc = file_write_all(to->fd, chunk, len);
		to->at += len;
	}
	return rc;
}

static int
give_extent(struct target *to, const struct image_extent *ex, const uint8_t *bytes)
{
	int rc;

	if (to->fd < 0)
		return 0;
	rc = fill_up(to, ex->at);
	if (rc == 0)
		rc = file_write_all(to->fd, bytes, ex->bytes);
	to->at = ex->at + ex->bytes;
	return rc;
}

static int
take_extents(struct reader *rd, const struct image_section *se, struct target *to)
{
	uint64_t stored_end = rd->at + se->stored_bytes;
	uint8_t chunk[IMAGE_CHUNK];
	uint64_t file_at = 0;
	uint32_t crc = 0;

	while (rd->at < stored_end) {
		struct image_extent ex;
		int rc = take(rd, &ex, sizeof(ex));

		if (rc < 0)
			return rc;
		if (ex.bytes == 0 || ex.bytes > sizeof(chunk) || ex.at < file_at ||
		    ex.at > se->file_bytes || ex.bytes > se->file_bytes - ex.at)
			return damaged(rd, "a piece lies outside its file");
		rc = take(rd, chunk, ex.bytes);
		if (rc == 0)
			rc = give_extent(to, &ex, chunk);
		if (rc < 0)
			return rc;
		crc = crc32c(crc, &ex, sizeof(ex));
		crc = crc32c(crc, chunk, ex.bytes);
		file_at = ex.at + ex.bytes;
	}
	if (rd->at != stored_end || crc != se->data_crc)
		return damaged(rd, "a file's checksum is wrong");
	return 0;
}

static int
take_section(struct reader *rd, struct image_section *se)
{
	int rc = take(rd, se, sizeof(*se));

	if (rc < 0)
		return rc;
	if (se->magic != IMAGE_SECTION_MAGIC ||
	    se->crc != crc32c(0, se, offsetof(struct image_section, crc)))
		return damaged(rd, "the checksum of a file's header is wrong");
	if (memchr(se->name, '\0', sizeof(se->name)) == NULL ||
	    !state_file_is(se->name) ||
	    se->kind != (uint32_t)state_file_kind(se->name) ||
	    strcmp(rd->name, se->name) >= 0)
		return damaged(rd, "the name of a file is wrong");
	if (se->file_bytes > IMAGE_FILE_MAX || se->fill > UINT8_MAX ||
	    se->stored_bytes > rd->end - rd->at)
		return damaged(rd, "the size of a file is wrong");
	memcpy(rd->name, se->name, sizeof(rd->name));
	return 0;
}

static int
make_target(const struct reader *rd, const struct image_section *se, struct target *ret)
{
	int rc;
	int fd;

	fd = openat(
	    rd->runtime_fd, se->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	rc = file_allocate(fd, se->file_bytes);
	if (rc < 0) {
		(void)close(fd);
		return rc;
	}
	ret->fd = fd;
	ret->fill = (uint8_t)se->fill;
	return 0;
}

static int
take_file(struct reader *rd)
{
	struct target to = { .fd = -1 };
	struct image_section se;
	int rc;

	rc = take_section(rd, &se);
	if (rc == 0 && rd->runtime_fd >= 0) {
		rc = make_target(rd, &se, &to);
		if (rc < 0)
			return why_set(rd->error, rc,
			    "%s cannot be made in the runtime directory: %s", se.name,
			    strerror(-rc));
	}
	if (rc == 0)
		rc = take_extents(rd, &se, &to);
	CRASH_POINT("image_load.file");
	if (to.fd >= 0) {
		if (rc == 0)
			rc = fill_up(&to, se.file_bytes);
		(void)close(to.fd);
	}
	return rc;
}

static int
take_header(struct reader *rd, struct image_header *hd)
{
	struct stat st;
	int rc;

	if (fstat(rd->fd, &st) < 0)
		return -errno;
	rd->at = 0;
	rd->end = (uint64_t)st.st_size;
	rc = take(rd, hd, sizeof(*hd));
	if (rc < 0)
		return rc;
	if (memcmp(hd->magic, IMAGE_MAGIC, sizeof(hd->magic)) != 0)
		return damaged(rd, "it does not start as an image");
	if (hd->crc != crc32c(0, hd, offsetof(struct image_header, crc)))
		return damaged(rd, "the checksum of its header is wrong");
	if (hd->version != IMAGE_VERSION)
		return why_set(rd->error, -ENOTSUP,
		    "the image has version %u, this program knows version %d",
		    hd->version, IMAGE_VERSION);
	if (hd->bytes != rd->end)
		return damaged(rd, "its size is wrong");
	return 0;
}

/* One walk; runtime_fd -1 only checks. */
static int
walk(struct reader *rd, int runtime_fd, struct image_info *ret)
{
	struct image_header hd = { 0 };
	int rc;

	rd->runtime_fd = runtime_fd;
	rd->name[0] = '\0';
	rc = take_header(rd, &hd);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < hd.sections && rc == 0; i++)
		rc = take_file(rd);
	if (rc < 0)
		return rc;
	if (rd->at != rd->end)
		return damaged(rd, "more follows behind its last file");
	*ret = (struct image_info){
		.anchor = hd.anchor,
		.files = hd.sections,
		.bytes = hd.bytes,
		.lineage = hd.lineage,
	};
	return 0;
}

static int
open_image(int state_fd, struct reader *rd)
{
	rd->fd = openat(
	    state_fd, IMAGE_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (rd->fd < 0)
		return why_set(rd->error, -errno, "the image cannot be opened: %s",
		    strerror(errno));
	return 0;
}

static int
report(const struct reader *rd, int rc)
{
	if (rc == -EBADMSG)
		return why_set(rd->error, rc, "the image is damaged: %s", rd->damage);
	return why_set(rd->error, rc, "the image cannot be loaded: %s", strerror(-rc));
}

int
image_exists(int state_fd)
{
	if (faccessat(state_fd, IMAGE_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : -errno;
}

int
image_check(int state_fd, struct image_info *ret, char **error)
{
	struct reader rd = { .error = error };
	int rc;

	rc = open_image(state_fd, &rd);
	if (rc < 0)
		return rc;
	rc = walk(&rd, -1, ret);
	(void)close(rd.fd);
	return rc < 0 ? report(&rd, rc) : 0;
}

int
image_lineage(int state_fd, uint32_t *ret, char **error)
{
	struct reader rd = { .error = error };
	struct image_header hd;
	int rc;

	rc = open_image(state_fd, &rd);
	if (rc < 0)
		return rc;
	rc = take_header(&rd, &hd);
	(void)close(rd.fd);
	if (rc < 0)
		return report(&rd, rc);
	*ret = hd.lineage;
	return 0;
}

int
image_set_aside(int state_fd, const char *beginning, char *name, size_t size)
{
	time_t now = (time_t)(clock_wall_ns() / 1000000000);
	char stamp[32] = "";
	struct tm tm;
	int rc;

	if (gmtime_r(&now, &tm) != NULL)
		(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	(void)snprintf(name, size, "%s%s", beginning, stamp);
	rc = file_set_aside(state_fd, IMAGE_FILE, name, size);
	return rc < 0 ? rc : file_sync_dir(state_fd);
}

/* Nothing can be read from it: out of the way, so that it is neither loaded nor overwritten by
 * the next stop. */
static int
refuse(int state_fd, const struct reader *rd)
{
	char name[IMAGE_ASIDE_NAME];
	int rc = image_set_aside(state_fd, IMAGE_DAMAGED, name, sizeof(name));

	if (rc < 0)
		return why_set(rd->error, -EBADMSG,
		    "the image is damaged (%s) and cannot be set aside as \"%s\": %s",
		    rd->damage, name, strerror(-rc));
	return why_set(rd->error, -EBADMSG,
	    "the image is damaged (%s), and files are missing in it; it was set aside as "
	    "\"%s\": copy it to \"image\" in a directory, and \"mqbridge-spool export\" of "
	    "that directory gives the messages that can be read; a start without it "
	    "begins with nothing",
	    rd->damage, name);
}

/* What is left of a damaged one. */
static int
load_damaged(const struct reader *rd, int runtime_fd, struct image_info *info)
{
	struct salvage found;
	int rc = image_salvage(rd->fd, runtime_fd, &found);

	if (rc < 0)
		return rc;
	info->anchor = found.anchor;
	info->files = found.whole + found.partial;
	info->partial = found.partial;
	info->dropped = found.dropped;
	info->incomplete = found.incomplete;
	info->damage = rd->damage;
	return 0;
}

static int
load(struct reader *rd, int runtime_fd, int state_fd, struct image_info *ret)
{
	struct image_info info = { 0 };
	int rc;

	rc = open_image(state_fd, rd);
	if (rc < 0)
		return rc;
	rc = walk(rd, -1, &info);
	if (rc == 0)
		rc = walk(rd, runtime_fd, &info);
	else if (rc == -EBADMSG)
		rc = load_damaged(rd, runtime_fd, &info);
	(void)close(rd->fd);
	CRASH_POINT("image_load.files");
	if (rc == 0)
		*ret = info;
	return rc;
}

int
image_load_look(int runtime_fd, int state_fd, struct image_info *ret, char **error)
{
	struct reader rd = { .error = error };
	int rc = load(&rd, runtime_fd, state_fd, ret);

	return rc < 0 ? report(&rd, rc) : 0;
}

int
image_load(int runtime_fd, int state_fd, struct image_info *ret, char **error)
{
	struct reader rd = { .error = error };
	struct image_info info = { 0 };
	int rc = load(&rd, runtime_fd, state_fd, &info);

	/* Without the journal of a stream what waits for it would count as settled. */
	if (rc == -EBADMSG || (rc == 0 && info.incomplete))
		return refuse(state_fd, &rd);
	if (rc == 0)
		*ret = info;
	return rc < 0 ? report(&rd, rc) : 0;
}
