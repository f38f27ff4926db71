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

#include "base/crc32c.h"
#include "base/file.h"
#include "record/record.h"
#include "spool/ring.h"

#define MIN_RECORDS 4 /* of the largest body, that a ring must hold */

_Static_assert(sizeof(struct ring_header) <= RING_WORDS_OFFSET, "header fits its page");
_Static_assert(RING_WORDS_OFFSET + sizeof(struct ring_words) <= RING_DATA_OFFSET,
    "words fit their page");
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

/* Everything that mapping and arithmetic rely on; the file may be anything. */
static bool
header_right(const struct ring_header *hd)
{
	return hd->magic == RING_MAGIC && hd->version == RING_VERSION &&
	       hd->crc == header_crc(hd) &&
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
	if (map->header != NULL)
		(void)munmap(map->header, map->data_offset);
	*map = (struct ring_map){ 0 };
}

/* Real pages, all of them: a hole would end in SIGBUS when tmpfs is full. */
static int
allocate(int fd, const struct ring_header *hd)
{
	int rc;

	do {
		rc = posix_fallocate(fd, 0, (off_t)(hd->data_offset + hd->bytes));
	} while (rc == EINTR);
	return -rc;
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
	rc = allocate(fd, hd);
	if (rc == 0)
		rc = map_file(&map, fd, hd);
	(void)close(fd);
	if (rc < 0) {
		ring_file_unmap(&map);
		ring_file_discard(dir_fd, &hd->id);
		return rc;
	}
	assert(map.data != NULL);
	*map.header = *hd;
	memset(map.data, RECORD_PAD, hd->bytes);
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
	return rc;
}

void
ring_file_discard(int dir_fd, const struct id *id)
{
	char temporary[RING_NAME_SIZE];

	ring_file_name(temporary, id, ".new");
	(void)unlinkat(dir_fd, temporary, 0);
}

static int
map_checked(struct ring_map *ret, int fd)
{
	struct ring_map map = { 0 };
	struct ring_header hd;
	struct stat st;
	int rc;

	rc = file_pread_all(fd, &hd, sizeof(hd), 0);
	if (rc < 0)
		return rc == -ENODATA ? -EBADMSG : rc;
	if (!header_right(&hd))
		return -EBADMSG;
	if (fstat(fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size != hd.data_offset + hd.bytes)
		return -EBADMSG;
	rc = allocate(fd, &hd);
	if (rc == 0)
		rc = map_file(&map, fd, &hd);
	if (rc < 0) {
		ring_file_unmap(&map);
		return rc;
	}
	*ret = map;
	return 0;
}

int
ring_file_map(struct ring_map *ret, int dir_fd, const char *file)
{
	int rc;
	int fd;

	fd = openat(dir_fd, file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	rc = map_checked(ret, fd);
	(void)close(fd);
	return rc;
}
