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

static bool
header_right(const struct journal_header *hd)
{
	return hd->magic == JOURNAL_MAGIC && hd->version == JOURNAL_VERSION &&
	       hd->crc == header_crc(hd) && hd->window == STREAM_WINDOW &&
	       hd->slot < RECORD_SLOTS && hd->first_number > 0 &&
	       memchr(hd->label, '\0', sizeof(hd->label)) != NULL;
}

static int
read_header(struct journal_header *ret, int fd)
{
	struct journal_header hd;

	int rc = file_pread_all(fd, &hd, sizeof(hd), 0);

	if (rc < 0)
		return rc == -ENODATA ? -EBADMSG : rc;
	if (!header_right(&hd))
		return -EBADMSG;
	*ret = hd;
	return 0;
}

int
journal_read(struct journal_header *ret, int dir_fd, const char *file)
{
	int rc;
	int fd;

	fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	rc = read_header(ret, fd);
	(void)close(fd);
	return rc;
}

static int
map_file(struct journal *ret, int fd)
{
	uint8_t *at;
	int rc;

	/* Real pages, all of them: a hole would end in SIGBUS when tmpfs is full. */
	do {
		rc = posix_fallocate(fd, 0, JOURNAL_FILE_BYTES);
	} while (rc == EINTR);
	if (rc != 0)
		return -rc;
	at = mmap(NULL, JOURNAL_FILE_BYTES, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_POPULATE, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	ret->header = (const struct journal_header *)(void *)at;
	ret->words = (struct journal_words *)(void *)(at + JOURNAL_WORDS_OFFSET);
	ret->places = (uint64_t *)(void *)(at + JOURNAL_ENTRIES_OFFSET);
	return 0;
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
	struct journal jn;
	int rc;

	rc = file_write_all(fd, hd, sizeof(*hd));
	if (rc == 0)
		rc = map_file(&jn, fd);
	if (rc < 0)
		return rc;
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
	if (rc == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
		rc = -errno;
	if (rc < 0) {
		journal_close(&jn);
		(void)unlinkat(dir_fd, temporary, 0);
		return rc;
	}
	*ret = jn;
	return 0;
}

/* What every later computation relies on. */
static bool
words_right(const struct journal_words *words)
{
	assert(words != NULL);
	return words->acked < words->next && words->next <= INT64_MAX &&
	       words->next - words->acked - 1 <= STREAM_WINDOW;
}

static int
open_checked(struct journal *ret, int fd)
{
	struct journal_header hd;
	struct journal jn = { 0 };
	struct stat st;
	int rc;

	rc = read_header(&hd, fd);
	if (rc < 0)
		return rc;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size != JOURNAL_FILE_BYTES)
		return -EBADMSG;
	rc = map_file(&jn, fd);
	if (rc < 0)
		return rc;
	if (!words_right(jn.words)) {
		journal_close(&jn);
		return -EBADMSG;
	}
	*ret = jn;
	return 0;
}

int
journal_open(struct journal *ret, int dir_fd, const char *file)
{
	int rc;
	int fd;

	fd = openat(dir_fd, file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	rc = open_checked(ret, fd);
	(void)close(fd);
	return rc;
}
