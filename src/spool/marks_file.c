#include "spool/marks_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/crc32c.h"
#include "base/file.h"

#define MARKS_TEMPORARY "marks.new"
#define MARKS_MAGIC     "MQBMARKS"
#define MARKS_VERSION   2
#define MARKS_OLDEST    1

static uint32_t
header_crc(const struct marks_header *hd)
{
	return crc32c(0, hd, offsetof(struct marks_header, crc));
}

static int
write_new(int fd)
{
	struct marks_header hd = {
		.version = MARKS_VERSION,
		.slot_bytes = MARKS_SLOT,
		.doubts = MARKS_DOUBTS,
	};
	int rc;

	memcpy(hd.magic, MARKS_MAGIC, sizeof(hd.magic));
	hd.crc = header_crc(&hd);
	rc = file_allocate(fd, MARKS_SLOTS_AT + MARKS_STEP_BYTES);
	if (rc < 0)
		return rc;
	return file_write_all(fd, &hd, sizeof(hd));
}

static int
make_file(int dir_fd, int *ret_fd)
{
	int fd;
	int rc;

	(void)unlinkat(dir_fd, MARKS_TEMPORARY, 0);
	fd = openat(
	    dir_fd, MARKS_TEMPORARY, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	rc = write_new(fd);
	CRASH_POINT("marks_file.written");
	if (rc == 0 && renameat(dir_fd, MARKS_TEMPORARY, dir_fd, MARKS_FILE) < 0)
		rc = -errno;
	if (rc < 0) {
		(void)unlinkat(dir_fd, MARKS_TEMPORARY, 0);
		(void)close(fd);
		return rc;
	}
	CRASH_POINT("marks_file.renamed");
	*ret_fd = fd;
	return 0;
}

/* Map the file's bytes from `from` to `to` at their place in the reserved space. */
static int
map_part(struct marks *mk, size_t from, size_t to)
{
	void *at = mmap(mk->base + from, to - from, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_FIXED, mk->fd, (off_t)from);

	return at == MAP_FAILED ? -errno : 0;
}

static int
check_size(int fd, unsigned *ret_slots)
{
	struct stat st;
	uint64_t slots;
	int rc;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size < MARKS_SLOTS_AT + MARKS_STEP_BYTES ||
	    ((uint64_t)st.st_size - MARKS_SLOTS_AT) % MARKS_STEP_BYTES != 0)
		return -EBADMSG;
	slots = ((uint64_t)st.st_size - MARKS_SLOTS_AT) / MARKS_SLOT;
	if (slots > MARKS_STREAMS)
		return -EBADMSG;
	rc = file_allocate(fd, (size_t)st.st_size);
	if (rc < 0)
		return rc;
	*ret_slots = (unsigned)slots;
	return 0;
}

static int
map_file(struct marks *mk)
{
	const struct marks_header *hd;
	void *base;
	int rc;

	rc = check_size(mk->fd, &mk->n_slots);
	if (rc < 0)
		return rc;
	base = mmap(NULL, MARKS_MAPPED, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -errno;
	mk->base = base;
	rc = map_part(mk, 0, MARKS_SLOTS_AT + (size_t)mk->n_slots * MARKS_SLOT);
	if (rc < 0)
		return rc;
	mk->header = base;
	mk->entries = (void *)(mk->base + MARKS_HEADER);
	mk->slots = (void *)(mk->base + MARKS_SLOTS_AT);
	hd = mk->header;
	if (memcmp(hd->magic, MARKS_MAGIC, sizeof(hd->magic)) != 0 ||
	    hd->version < MARKS_OLDEST || hd->version > MARKS_VERSION ||
	    hd->slot_bytes != MARKS_SLOT || hd->doubts != MARKS_DOUBTS ||
	    hd->crc != header_crc(hd))
		return -EBADMSG;
	return 0;
}

int
marks_file_open(struct marks *mk, int dir_fd)
{
	int rc = 0;

	mk->fd = openat(dir_fd, MARKS_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (mk->fd < 0)
		rc = errno == ENOENT ? make_file(dir_fd, &mk->fd) : -errno;
	return rc == 0 ? map_file(mk) : rc;
}

int
marks_file_upgrade(struct marks *mk)
{
	struct marks_header hd = *mk->header;
	ssize_t n;

	if (hd.version == MARKS_VERSION)
		return 0;
	hd.version = MARKS_VERSION;
	hd.crc = header_crc(&hd);
	/* Version and checksum in one call: a kill comes before or behind it. */
	do {
		n = pwrite(
		    mk->fd, &hd, offsetof(struct marks_header, doubts_written), 0);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

void
marks_file_close(struct marks *mk)
{
	if (mk->base != NULL)
		(void)munmap(mk->base, MARKS_MAPPED);
	if (mk->fd >= 0)
		(void)close(mk->fd);
}

int
marks_file_grow(struct marks *mk)
{
	size_t from = MARKS_SLOTS_AT + (size_t)mk->n_slots * MARKS_SLOT;
	int rc;

	/* The file may be larger already: a map that failed is tried again. */
	rc = file_allocate(mk->fd, from + MARKS_STEP_BYTES);
	if (rc < 0)
		return rc;
	rc = map_part(mk, from, from + MARKS_STEP_BYTES);
	if (rc < 0)
		return rc;
	mk->n_slots += MARKS_STEP;
	return 0;
}
