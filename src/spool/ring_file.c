#include "spool/ring_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/crash.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "record/record.h"
#include "spool/ring.h"

#define MIN_RECORDS 4 /* of the largest body, that a ring must hold */

_Static_assert(sizeof(struct ring_header) <= RING_WORDS_OFFSET, "header fits its page");
_Static_assert(RING_WORDS_OFFSET + sizeof(struct ring_words) <= RING_COPY_OFFSET,
    "words end before the header's copy");
_Static_assert(RING_COPY_OFFSET + sizeof(struct ring_header) <= RING_DATA_OFFSET,
    "the header's copy fits the page of the words");
_Static_assert(
    offsetof(struct ring_words, type_slot) == 64, "words have lines of their own");
_Static_assert(
    offsetof(struct ring_header, crc) + sizeof(uint32_t) == sizeof(struct ring_header),
    "no byte of the header is outside its checksum");

static void
ring_file_name(char name[RING_NAME_SIZE], const struct id *id, const char *suffix)
{
	char text[ID_TEXT];

	(void)snprintf(name, RING_NAME_SIZE, "ring-%s%s", id_format(text, id), suffix);
}

static uint64_t
page_round(uint64_t bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

int
ring_file_size(struct ring_header *hd, uint32_t max_body, uint64_t wished_bytes)
{
	uint64_t least = MIN_RECORDS * record_stride(max_body);

	if (max_body > RECORD_BODY_MAX || wished_bytes > RING_BYTES_MAX)
		return -EINVAL;
	hd->max_body = max_body;
	hd->bytes = page_round(wished_bytes > least ? wished_bytes : least);
	hd->data_offset = page_round(RING_DATA_OFFSET);
	return 0;
}

static uint32_t
header_crc(const struct ring_header *hd)
{
	return crc32c(0, hd, offsetof(struct ring_header, crc));
}

uint64_t
ring_tail_check(uint64_t generation, const struct ring_tail *tail)
{
	uint32_t low = (uint32_t)generation;
	uint32_t crc = crc32c(crc32c(0, &low, sizeof(low)), tail, sizeof(*tail));

	/* Not 0, whatever the checksum is. */
	return ((uint64_t)low << 32) | (crc | 1);
}

/* A header as such, of this version or of one to come. */
static bool
header_whole(const struct ring_header *hd)
{
	return hd->magic == RING_MAGIC && hd->crc == header_crc(hd);
}

/* Everything that mapping and arithmetic rely on; the file may be anything. */
static bool
header_right(const struct ring_header *hd)
{
	return header_whole(hd) && hd->version == RING_VERSION &&
	       (hd->kind == RING_POSIX || hd->kind == RING_SYSV) &&
	       hd->data_offset >= RING_DATA_OFFSET &&
	       hd->data_offset == page_round(hd->data_offset) &&
	       hd->data_offset <= RING_BYTES_MAX && hd->bytes <= RING_BYTES_MAX &&
	       hd->bytes == page_round(hd->bytes) && hd->max_body <= RECORD_BODY_MAX &&
	       hd->bytes >= MIN_RECORDS * record_stride(hd->max_body) &&
	       memchr(hd->uri, '\0', sizeof(hd->uri)) != NULL &&
	       memchr(hd->take, '\0', sizeof(hd->take)) != NULL;
}

/* The data area twice in a row over one reserved range. */
static int
map_data(struct ring_map *map, int fd, const struct ring_header *hd)
{
	uint8_t *at;

	at = mmap(NULL, 2 * hd->bytes, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return -errno;
	map->data = at;
	for (int i = 0; i < 2; i++)
		if (mmap(at + i * hd->bytes, hd->bytes, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_POPULATE | MAP_FIXED, fd,
			(off_t)hd->data_offset) == MAP_FAILED)
			return -errno;
	/* Only a matter of speed: allowed or not, nothing depends on it. */
	(void)mlock(at, hd->bytes);
	return 0;
}

static int
map_file(struct ring_map *map, int fd, const struct ring_header *hd)
{
	uint8_t *at;

	at = mmap(NULL, hd->data_offset, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_POPULATE, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	map->base = at;
	map->header = (struct ring_header *)(void *)at;
	map->words = (struct ring_words *)(void *)(at + RING_WORDS_OFFSET);
	map->data_offset = hd->data_offset;
	map->bytes = hd->bytes;
	return map_data(map, fd, hd);
}

void
ring_file_unmap(struct ring_map *map)
{
	if (map->data != NULL)
		(void)munmap(map->data, 2 * map->bytes);
	if (map->base != NULL)
		(void)munmap(map->base, map->data_offset);
	*map = (struct ring_map){ 0 };
}

int
ring_file_make(struct ring_map *ret, int dir_fd, struct ring_header *hd)
{
	struct ring_map map = { 0 };
	char name[RING_NAME_SIZE];
	int rc;
	int fd;

	hd->magic = RING_MAGIC;
	hd->version = RING_VERSION;
	hd->crc = header_crc(hd);
	ring_file_name(name, &hd->id, ".new");
	/* A file of that name is what a killed maker left. */
	if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	rc = file_allocate(fd, hd->data_offset + hd->bytes);
	if (rc == 0)
		rc = map_file(&map, fd, hd);
	(void)close(fd);
	if (rc < 0) {
		ring_file_unmap(&map);
		ring_file_discard(dir_fd, &hd->id);
		return rc;
	}
	assert(map.data != NULL);
	CRASH_POINT("ring_file.allocated");
	*map.header = *hd;
	(void)ring_file_mend_header(&map);
	memset(map.data, RECORD_PAD, hd->bytes);
	CRASH_POINT("ring_file.filled");
	*ret = map;
	return 0;
}

int
ring_file_publish(int dir_fd, const struct id *id)
{
	char temporary[RING_NAME_SIZE], name[RING_NAME_SIZE];
	int rc = 0;

	ring_file_name(temporary, id, ".new");
	ring_file_name(name, id, "");
	if (renameat(dir_fd, temporary, dir_fd, name) < 0) {
		rc = -errno;
		ring_file_discard(dir_fd, id);
	}
	CRASH_POINT("ring_file.renamed");
	return rc;
}

void
ring_file_discard(int dir_fd, const struct id *id)
{
	char temporary[RING_NAME_SIZE];

	ring_file_name(temporary, id, ".new");
	(void)unlinkat(dir_fd, temporary, 0);
}

static struct ring_header *
header_copy(const struct ring_map *map)
{
	return (struct ring_header *)(void *)(map->base + RING_COPY_OFFSET);
}

static bool
is_zero(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	return *at == 0 && memcmp(at, at + 1, len - 1) == 0;
}

bool
ring_file_mend_header(struct ring_map *map)
{
	struct ring_header *first = (struct ring_header *)(void *)map->base;
	bool mended = map->header != first;

	if (mended)
		*first = *map->header;
	else if (memcmp(header_copy(map), first, sizeof(*first)) != 0)
		*header_copy(map) = *first;
	map->header = first;
	return mended;
}

/* The first of the two headers that is right: 0, -EBADMSG, -ENOTSUP or -errno. */
static int
read_header(int fd, struct ring_header *ret, off_t *ret_at)
{
	static const off_t places[] = { 0, RING_COPY_OFFSET };
	int ret_rc = -EBADMSG;

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct ring_header hd;
		int rc = file_pread_all(fd, &hd, sizeof(hd), places[i]);

		if (rc < 0 && rc != -ENODATA)
			return rc;
		if (rc == 0 && header_right(&hd)) {
			*ret = hd;
			*ret_at = places[i];
			return 0;
		}
		if (rc == 0 && header_whole(&hd) && hd.version > RING_VERSION)
			ret_rc = -ENOTSUP;
	}
	return ret_rc;
}

static int
map_checked(struct ring_map *ret, int fd, enum ring_file_use use)
{
	struct ring_map map = { 0 };
	struct ring_header hd;
	struct stat st;
	uint64_t size;
	off_t at = 0;
	int rc;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	rc = read_header(fd, &hd, &at);
	if (rc < 0)
		return rc;
	size = hd.data_offset + hd.bytes;
	if ((uint64_t)st.st_size > size ||
	    (use == RING_FILE_LOOK && (uint64_t)st.st_size < size))
		return -EBADMSG;
	if (use == RING_FILE_MEND)
		rc = file_allocate(fd, size);
	if (rc == 0)
		rc = map_file(&map, fd, &hd);
	if (rc < 0) {
		ring_file_unmap(&map);
		return rc;
	}
	map.missing = size - (uint64_t)st.st_size;
	map.header = (struct ring_header *)(void *)(map.base + at);
	map.older = at == 0 && is_zero(header_copy(&map), sizeof(hd));
	*ret = map;
	return 0;
}

int
ring_file_map(
    struct ring_map *ret, int dir_fd, const char *file, enum ring_file_use use)
{
	int rc;
	int fd;

	fd = openat(dir_fd, file, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	rc = map_checked(ret, fd, use);
	(void)close(fd);
	return rc;
}
