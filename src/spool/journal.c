#include "spool/journal.h"

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

#define NAME_SIZE 64 /* bytes; of "stream-<id>.new" with its NUL */

_Static_assert(
    sizeof(struct journal_header) <= JOURNAL_WORDS_OFFSET, "header fits its page");
_Static_assert(offsetof(struct journal_header, crc) + sizeof(uint32_t) ==
		   sizeof(struct journal_header),
    "no byte of the header is outside its checksum");

static uint32_t
header_crc(const struct journal_header *hd)
{
	return crc32c(0, hd, offsetof(struct journal_header, crc));
}

/* A header as such, of this version or of one to come. */
static bool
header_whole(const struct journal_header *hd)
{
	return hd->magic == JOURNAL_MAGIC && hd->crc == header_crc(hd);
}

static bool
header_right(const struct journal_header *hd)
{
	return header_whole(hd) &&
	       (hd->version == 1 || hd->version == JOURNAL_VERSION) &&
	       hd->window == STREAM_WINDOW && hd->slot < RECORD_SLOTS &&
	       hd->first_number > 0 &&
	       memchr(hd->label, '\0', sizeof(hd->label)) != NULL;
}

/* The first of the two headers that is right, and where it lies. */
static int
read_header(struct journal_header *ret, int fd, off_t *ret_at)
{
	static const off_t places[] = { 0, JOURNAL_COPY_OFFSET };
	int ret_rc = -EBADMSG;

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct journal_header hd;
		int rc = file_pread_all(fd, &hd, sizeof(hd), places[i]);

		if (rc < 0 && rc != -ENODATA)
			return rc;
		if (rc == 0 && header_right(&hd)) {
			*ret = hd;
			*ret_at = places[i];
			return 0;
		}
		if (rc == 0 && header_whole(&hd) && hd.version > JOURNAL_VERSION)
			ret_rc = -ENOTSUP;
	}
	return ret_rc;
}

int
journal_read(struct journal_header *ret, int dir_fd, const char *file)
{
	off_t at;
	int rc;
	int fd;

	fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	rc = read_header(ret, fd, &at);
	(void)close(fd);
	return rc;
}

static int
map_file(struct journal *ret, int fd)
{
	uint8_t *at;
	int rc;

	rc = file_allocate(fd, JOURNAL_FILE_BYTES);
	if (rc < 0)
		return rc;
	at = mmap(NULL, JOURNAL_FILE_BYTES, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_POPULATE, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	ret->header = (struct journal_header *)(void *)at;
	ret->words = (struct journal_words *)(void *)(at + JOURNAL_WORDS_OFFSET);
	ret->places = (uint64_t *)(void *)(at + JOURNAL_ENTRIES_OFFSET);
	return 0;
}

static struct journal_header *
header_copy(const struct journal *jn)
{
	return (struct journal_header *)(void *)((uint8_t *)jn->header +
						 JOURNAL_COPY_OFFSET);
}

void
journal_close(struct journal *jn)
{
	if (jn->words != NULL)
		(void)munmap(
		    (uint8_t *)jn->words - JOURNAL_WORDS_OFFSET, JOURNAL_FILE_BYTES);
	*jn = (struct journal){ 0 };
}

/* The new file's contents; next is 1, so that 0 can stand for "nothing
 * acknowledged". */
static int
fill(struct journal *ret, int fd, const struct journal_header *hd)
{
	struct journal jn = { 0 };
	int rc;

	rc = file_write_all(fd, hd, sizeof(*hd));
	if (rc == 0)
		rc = map_file(&jn, fd);
	if (rc < 0)
		return rc;
	*header_copy(&jn) = *hd;
	journal_acked_set(&jn, 0);
	journal_next_set(&jn, 1);
	*ret = jn;
	return 0;
}

int
journal_create(struct journal *ret, int dir_fd, struct journal_header *hd)
{
	char name[NAME_SIZE], temporary[NAME_SIZE + sizeof(".new")], text[ID_TEXT];
	struct journal jn = { 0 };
	int rc;
	int fd;

	hd->magic = JOURNAL_MAGIC;
	hd->version = JOURNAL_VERSION;
	hd->window = STREAM_WINDOW;
	hd->crc = header_crc(hd);
	(void)snprintf(name, sizeof(name), "stream-%s", id_format(text, &hd->stream));
	(void)snprintf(temporary, sizeof(temporary), "%s.new", name);
	fd = openat(dir_fd, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	rc = fill(&jn, fd, hd);
	(void)close(fd);
	CRASH_POINT("journal.filled");
	if (rc == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
		rc = -errno;
	if (rc < 0) {
		journal_close(&jn);
		(void)unlinkat(dir_fd, temporary, 0);
		return rc;
	}
	CRASH_POINT("journal.renamed");
	*ret = jn;
	return 0;
}

/* A journal of version 1 gets what it lacks; the header last, so a kill on the way leaves one
 * of version 1. */
static void
upgrade(struct journal *jn, struct journal_header *hd)
{
	uint64_t acked = jn->words->acked, next = jn->words->next;

	/* Bits that no place has are damage, and must not pass as a place. */
	for (uint64_t seq = acked + 1; seq < next && seq - acked <= STREAM_WINDOW;
	     seq++)
		if ((jn->places[seq % STREAM_WINDOW] & JOURNAL_CHECK_LOW) == 0)
			journal_place_set(jn, seq, journal_place(jn, seq));
	jn->words->acked_not = ~jn->words->acked;
	jn->words->next_not = ~jn->words->next;
	hd->version = JOURNAL_VERSION;
	hd->crc = header_crc(hd);
	*header_copy(jn) = *hd;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	*jn->header = *hd;
}

static void
mend_header(struct journal *jn, const struct journal_header *hd, off_t at)
{
	if (at != 0) {
		*jn->header = *hd;
		jn->mended++;
	} else if (memcmp(header_copy(jn), hd, sizeof(*hd)) != 0) {
		*header_copy(jn) = *hd;
		jn->mended++;
	}
}

static int
open_checked(struct journal *ret, int fd)
{
	struct journal_header hd;
	struct journal jn = { 0 };
	struct stat st;
	off_t at = 0;
	int rc;

	rc = read_header(&hd, fd, &at);
	if (rc < 0)
		return rc;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size > JOURNAL_FILE_BYTES)
		return -EBADMSG;
	/* What is too short gets zeros, which are no place. */
	rc = map_file(&jn, fd);
	if (rc < 0)
		return rc;
	assert(jn.header != NULL && jn.words != NULL);
	if (hd.version == 1)
		upgrade(&jn, &hd);
	else
		mend_header(&jn, &hd, at);
	if (st.st_size < JOURNAL_FILE_BYTES)
		jn.mended++;
	*ret = jn;
	return 0;
}

int
journal_open(struct journal *ret, int dir_fd, const char *file)
{
	int rc;
	int fd;

	fd = openat(dir_fd, file, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	rc = open_checked(ret, fd);
	(void)close(fd);
	return rc;
}
