#include "spool/segment.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "spool/segment_read.h"

#define SEARCH_BYTES 65536 /* looked through at once for a frame */
#define PROBES       16    /* places of a file */
#define TRIES        3     /* of a block that the disk cannot read */

_Static_assert(offsetof(struct segment_frame, crc) + sizeof(uint32_t) ==
		   sizeof(struct segment_frame),
    "no byte of the header is outside its checksum");
_Static_assert(sizeof(struct segment_frame) % RECORD_ALIGN == 0, "records are aligned");

uint32_t
segment_seed(const struct segment_frame *fr)
{
	uint32_t seed = record_seed(&fr->ring);

	if ((fr->flags & SEGMENT_REQUEUED) != 0)
		seed = crc32c(seed, &fr->stream, sizeof(fr->stream));
	return seed;
}

uint32_t
segment_frame_crc(const struct segment_frame *fr)
{
	return crc32c(record_seed(&fr->log), fr, offsetof(struct segment_frame, crc));
}

void
segment_frame_seal(struct segment_frame *fr)
{
	fr->magic = SEGMENT_MAGIC;
	fr->version = SEGMENT_VERSION;
	fr->crc = segment_frame_crc(fr);
}

static bool
size_possible(const struct segment_frame *fr)
{
	return fr->bytes % RECORD_ALIGN == 0 && fr->bytes <= SEGMENT_MAX &&
	       fr->count > 0 && fr->count <= fr->bytes / RECORD_HEADER &&
	       fr->max_body <= RECORD_BODY_MAX;
}

int
segment_frame_check(
    const struct segment_frame *fr, const struct segment_file *sf, uint64_t offset)
{
	if (fr->magic != SEGMENT_MAGIC || !id_equal(&fr->log, &sf->log) ||
	    fr->crc != segment_frame_crc(fr))
		return 0;
	if (fr->version != SEGMENT_VERSION)
		return -ENOTSUP;
	return fr->segment == sf->number && fr->offset == offset && size_possible(fr);
}

uint64_t
segment_frame_end(const struct segment_frame *fr, const struct segment_file *sf)
{
	uint64_t end = fr->offset + sizeof(*fr) + fr->bytes;

	return end < sf->end ? end : sf->end;
}

bool
segment_is_readable(const struct segment_file *sf)
{
	uint8_t byte;

	for (unsigned i = 0; i < PROBES; i++)
		if (pread(sf->fd, &byte, 1, (off_t)(sf->end / PROBES * i)) >= 0)
			return true;
	return false;
}

/* One block; a block that the disk cannot read is as if it were lost. */
static int
read_block(int fd, uint8_t *to, size_t len, uint64_t at)
{
	unsigned tries = 0;

	while (len > 0) {
		ssize_t n = pread(fd, to, len, (off_t)at);

		if (n < 0 && (errno == EINTR || (errno == EIO && ++tries < TRIES)))
			continue;
		if (n < 0 && errno != EIO)
			return -errno;
		if (n <= 0)
			break;
		to += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	memset(to, 0, len);
	return 0;
}

int
segment_read(const struct segment_file *sf, uint8_t *to, size_t len, uint64_t at)
{
	size_t step = len;

	while (len > 0) {
		ssize_t n = pread(sf->fd, to, step, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EIO && !sf->strict) {
			/* By itself, so that no more is lost than must be. */
			int rc;

			step = 4096 - at % 4096;
			step = step < len ? step : len;
			rc = read_block(sf->fd, to, step, at);
			if (rc < 0)
				return rc;
			n = (ssize_t)step;
		}
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		to += n;
		at += (uint64_t)n;
		len -= (size_t)n;
		step = step < len ? step : len;
	}
	memset(to, 0, len);
	return 0;
}

int
segment_frame_read(
    struct segment_frame *ret, const struct segment_file *sf, uint64_t offset)
{
	struct segment_frame fr;
	int rc;

	if (offset >= sf->end || sf->end - offset < sizeof(fr))
		return 0;
	rc = segment_read(sf, (uint8_t *)&fr, sizeof(fr), offset);
	if (rc == 0)
		rc = segment_frame_check(&fr, sf, offset);
	if (rc == 1)
		*ret = fr;
	return rc;
}

/* In len bytes that begin at an offset: the first frame, as far as its magic tells. */
static bool
find_magic(const uint8_t *bytes, size_t len, size_t *at)
{
	const uint64_t magic = SEGMENT_MAGIC;

	for (; *at + sizeof(magic) <= len; *at += RECORD_ALIGN)
		if (memcmp(bytes + *at, &magic, sizeof(magic)) == 0)
			return true;
	return false;
}

int
segment_find(uint64_t *ret, const struct segment_file *sf, uint64_t offset)
{
	_Alignas(uint64_t) uint8_t bytes[SEARCH_BYTES];

	while (offset < sf->end) {
		uint64_t left = sf->end - offset;
		size_t len = left < sizeof(bytes) ? (size_t)left : sizeof(bytes);
		int rc = segment_read(sf, bytes, len, offset);

		if (rc < 0)
			return rc;
		for (size_t at = 0; find_magic(bytes, len, &at); at += RECORD_ALIGN) {
			struct segment_frame fr;

			rc = segment_frame_read(&fr, sf, offset + at);
			if (rc < 0)
				return rc;
			if (rc == 0)
				continue;
			*ret = offset + at;
			return 0;
		}
		offset += len;
	}
	*ret = sf->end;
	return 0;
}
