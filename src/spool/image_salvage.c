#include "spool/image_salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/file.h"
#include "spool/image_layout.h"

struct source {
	int fd;
	int runtime_fd;
	uint64_t end;
	char name[STATE_FILE_NAME]; /* of the last section */
	struct salvage *found;
};

static bool
section_right(const struct source *so, const struct image_section *se)
{
	return se->magic == IMAGE_SECTION_MAGIC &&
	       se->crc == crc32c(0, se, offsetof(struct image_section, crc)) &&
	       memchr(se->name, '\0', sizeof(se->name)) != NULL &&
	       state_file_is(se->name) &&
	       se->kind == (uint32_t)state_file_kind(se->name) &&
	       strcmp(so->name, se->name) < 0 && se->file_bytes <= IMAGE_FILE_MAX &&
	       se->fill <= UINT8_MAX;
}

static bool
read_section(const struct source *so, uint64_t at, struct image_section *se)
{
	return so->end - at >= sizeof(*se) &&
	       file_pread_all(so->fd, se, sizeof(*se), (off_t)at) == 0 &&
	       section_right(so, se);
}

/* The next section's header from there on, wherever it starts: 1, 0 at the end, or -errno. */
static int
find_section(const struct source *so, uint64_t *at, struct image_section *se)
{
	static const uint8_t magic[4] = "SECT";
	uint8_t chunk[IMAGE_CHUNK];

	while (*at + sizeof(*se) <= so->end) {
		uint64_t left = so->end - *at;
		size_t len = left < sizeof(chunk) ? (size_t)left : sizeof(chunk);
		const uint8_t *hit;
		int rc = file_pread_all(so->fd, chunk, len, (off_t)*at);

		if (rc < 0)
			return rc;
		hit = memmem(chunk, len, magic, sizeof(magic));
		if (hit == NULL) {
			*at += len - sizeof(magic) + 1;
			continue;
		}
		*at += (uint64_t)(hit - chunk);
		if (read_section(so, *at, se))
			return 1;
		++*at;
	}
	return 0;
}

static int
write_at(int fd, const uint8_t *bytes, size_t len, uint64_t at)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, bytes, len, (off_t)at);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
			at += (uint64_t)n;
		}
	}
	return 0;
}

static int
fill(int fd, uint64_t from, uint64_t to, uint8_t byte)
{
	uint8_t chunk[IMAGE_CHUNK];
	int rc = 0;

	memset(chunk, byte, sizeof(chunk));
	while (from < to && rc == 0) {
		size_t len =
		    to - from < sizeof(chunk) ? (size_t)(to - from) : sizeof(chunk);

		rc = write_at(fd, chunk, len, from);
		from += len;
	}
	return rc;
}

struct section { /* being read */
	const struct source *source;
	const struct image_section *header;
	uint64_t at;      /* in the image */
	uint64_t file_at; /* all before it is made */
	uint32_t crc;
	int fd; /* where to; -1: only check */
};

static bool
extent_right(const struct section *sn, const struct image_extent *ex)
{
	return ex->bytes > 0 && ex->bytes <= IMAGE_CHUNK && ex->at >= sn->file_at &&
	       ex->at <= sn->header->file_bytes &&
	       ex->bytes <= sn->header->file_bytes - ex->at &&
	       ex->bytes <= sn->source->end - sn->at - sizeof(*ex);
}

/* One piece: 1, 0 when it cannot be one, or -errno. */
static int
take_extent(struct section *sn)
{
	int from = sn->source->fd;
	uint8_t chunk[IMAGE_CHUNK];
	struct image_extent ex;
	int rc = 0;

	if (sn->source->end - sn->at < sizeof(ex) ||
	    file_pread_all(from, &ex, sizeof(ex), (off_t)sn->at) < 0 ||
	    !extent_right(sn, &ex) ||
	    file_pread_all(from, chunk, ex.bytes, (off_t)(sn->at + sizeof(ex))) < 0)
		return 0;
	sn->crc = crc32c(crc32c(sn->crc, &ex, sizeof(ex)), chunk, ex.bytes);
	if (sn->fd >= 0)
		rc = fill(sn->fd, sn->file_at, ex.at, (uint8_t)sn->header->fill);
	if (rc == 0 && sn->fd >= 0)
		rc = write_at(sn->fd, chunk, ex.bytes, ex.at);
	sn->at += sizeof(ex) + ex.bytes;
	sn->file_at = ex.at + ex.bytes;
	return rc < 0 ? rc : 1;
}

/* All pieces of the section whose header ends at `at` into fd, or nowhere. 1: they are whole;
 * 0: not; or -errno. */
static int
take_extents(
    const struct source *so, const struct image_section *se, uint64_t at, int fd)
{
	struct section sn = { .source = so, .header = se, .at = at, .fd = fd };
	bool shorter = se->stored_bytes > so->end - at;
	uint64_t stop = shorter ? so->end : at + se->stored_bytes;
	int rc = 1;

	while (sn.at < stop && rc == 1)
		rc = take_extent(&sn);
	if (rc < 0)
		return rc;
	/* What follows in the file is either free or lost: lost, unless all was read. */
	shorter = shorter || rc == 0;
	if (fd >= 0)
		rc = fill(
		    fd, sn.file_at, se->file_bytes, shorter ? 0 : (uint8_t)se->fill);
	if (rc < 0)
		return rc;
	return !shorter && sn.at == stop && sn.crc == se->data_crc;
}

static int
make_file(struct source *so, const struct image_section *se, uint64_t at)
{
	int whole;
	int fd;

	whole = se->kind == STATE_FILE_MARKS ? take_extents(so, se, at, -1) : 1;
	if (whole < 0)
		return whole;
	if (whole == 0) {
		so->found->dropped++;
		return 0;
	}
	fd = openat(
	    so->runtime_fd, se->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	whole = take_extents(so, se, at, fd);
	(void)close(fd);
	if (whole < 0)
		return whole;
	if (whole == 1)
		so->found->whole++;
	else
		so->found->partial++;
	return 0;
}

/* How many sections there were; 0: the header does not tell. */
static uint32_t
take_anchor(struct source *so)
{
	struct image_header hd;

	if (file_pread_all(so->fd, &hd, sizeof(hd), 0) == 0 &&
	    memcmp(hd.magic, IMAGE_MAGIC, sizeof(hd.magic)) == 0 &&
	    hd.crc == crc32c(0, &hd, offsetof(struct image_header, crc))) {
		so->found->anchor = hd.anchor;
		return hd.sections;
	}
	return 0;
}

int
image_salvage(int image_fd, int runtime_fd, struct salvage *ret)
{
	struct salvage found = { 0 };
	struct source so = {
		.fd = image_fd, .runtime_fd = runtime_fd, .found = &found
	};
	struct image_section se;
	uint64_t at = 0, end = sizeof(struct image_header);
	uint32_t sections;
	bool seamless = true;
	struct stat st;
	int rc;

	if (fstat(image_fd, &st) < 0)
		return -errno;
	so.end = (uint64_t)st.st_size;
	sections = take_anchor(&so);
	while ((rc = find_section(&so, &at, &se)) == 1) {
		seamless = seamless && at == end;
		at += sizeof(se);
		end = at + se.stored_bytes;
		rc = make_file(&so, &se, at);
		if (rc < 0)
			return rc;
		memcpy(so.name, se.name, sizeof(so.name));
		/* Pieces may hold what looks like a section, if an image was sent as a
		 * message: go behind them when that is known. */
		if (se.stored_bytes <= so.end - at)
			at += se.stored_bytes;
	}
	if (rc < 0)
		return rc;
	if (found.whole + found.partial == 0)
		return -EBADMSG;
	found.incomplete = sections != 0
			       ? found.whole + found.partial + found.dropped != sections
			       : !seamless || end != so.end;
	*ret = found;
	return 0;
}
