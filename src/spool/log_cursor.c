#include "spool/log_cursor.h"

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
#include "spool/state_file.h"

#define STEP_BYTES (LOG_CURSOR_STEP * sizeof(struct log_slot))
#define MAPPED     (LOG_CURSOR_HEADER + LOG_SEGMENTS * sizeof(struct log_slot))

_Static_assert(sizeof(struct log_slot) == 64, "a slot is a cache line");
_Static_assert(STEP_BYTES % 4096 == 0, "growing by whole pages");

static uint32_t
header_crc(const struct log_cursor_header *hd)
{
	return crc32c(0, hd, offsetof(struct log_cursor_header, crc));
}

static void
format_name(char buf[STATE_FILE_NAME], const struct id *log, const char *suffix)
{
	char text[ID_TEXT];

	(void)snprintf(buf, STATE_FILE_NAME, "log-%s%s", id_format(text, log), suffix);
}

/* Map the file's bytes from `from` to `to` at their place in the reserved space. */
static int
map_part(struct log_cursor *cu, size_t from, size_t to)
{
	void *at = mmap(cu->base + from, to - from, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_FIXED | MAP_POPULATE, cu->fd, (off_t)from);

	return at == MAP_FAILED ? -errno : 0;
}

static int
map_file(struct log_cursor *cu, uint32_t n_slots)
{
	size_t bytes = LOG_CURSOR_HEADER + n_slots * sizeof(struct log_slot);
	void *base;
	int rc;

	rc = file_allocate(cu->fd, bytes);
	if (rc < 0)
		return rc;
	base = mmap(NULL, MAPPED, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -errno;
	cu->base = base;
	cu->slots = (void *)(cu->base + LOG_CURSOR_HEADER);
	cu->n_slots = n_slots;
	return map_part(cu, 0, bytes);
}

int
log_cursor_make(struct log_cursor *ret, int dir_fd, const struct id *log)
{
	struct log_cursor_header hd = {
		.magic = LOG_CURSOR_MAGIC,
		.version = LOG_CURSOR_VERSION,
		.slot_bytes = sizeof(struct log_slot),
		.log = *log,
	};
	char name[STATE_FILE_NAME];
	int rc;

	*ret = LOG_CURSOR_NONE;
	format_name(name, log, ".new");
	(void)unlinkat(dir_fd, name, 0);
	ret->fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (ret->fd < 0)
		return -errno;
	ret->log = *log;
	hd.crc = header_crc(&hd);
	rc = map_file(ret, LOG_CURSOR_STEP);
	if (rc < 0) {
		(void)unlinkat(dir_fd, name, 0);
		return rc;
	}
	memcpy(ret->base, &hd, sizeof(hd));
	memcpy(ret->base + LOG_CURSOR_AGAIN, &hd, sizeof(hd));
	log_cursor_set_numbers(ret, 0);
	log_cursor_set_used(ret, 0);
	return 0;
}

int
log_cursor_publish(const struct log_cursor *cu, int dir_fd)
{
	char temporary[STATE_FILE_NAME], name[STATE_FILE_NAME];

	format_name(temporary, &cu->log, ".new");
	format_name(name, &cu->log, "");
	return renameat(dir_fd, temporary, dir_fd, name) < 0 ? -errno : 0;
}

void
log_cursor_discard(const struct log_cursor *cu, int dir_fd)
{
	char name[STATE_FILE_NAME];

	if (cu->fd < 0)
		return;
	format_name(name, &cu->log, ".new");
	(void)unlinkat(dir_fd, name, 0);
}

static int
check_header(int fd, const struct id *log, off_t at)
{
	struct log_cursor_header hd;
	int rc = file_pread_all(fd, &hd, sizeof(hd), at);

	if (rc < 0)
		return rc == -ENODATA ? -EBADMSG : rc;
	if (hd.magic != LOG_CURSOR_MAGIC || hd.crc != header_crc(&hd) ||
	    !id_equal(&hd.log, log))
		return -EBADMSG;
	if (hd.version != LOG_CURSOR_VERSION)
		return -ENOTSUP;
	return hd.slot_bytes == sizeof(struct log_slot) ? 0 : -EBADMSG;
}

/* One copy is enough. */
static int
check_headers(int fd, const struct id *log)
{
	int rc = check_header(fd, log, 0);

	return rc == -EBADMSG ? check_header(fd, log, LOG_CURSOR_AGAIN) : rc;
}

/* Words of the header; each has a number of its own for its check. */
#define NUMBERS_CHECK LOG_WORDS
#define USED_CHECK    (LOG_WORDS + 1)

static void
store_word(struct log_cursor *cu, size_t at, unsigned check, uint64_t value)
{
	__atomic_store_n((uint64_t *)(void *)(cu->base + at),
	    log_cursor_word(0, check, value), __ATOMIC_RELEASE);
}

/* absent: what a damaged one is worth. */
static uint64_t
load_word(const struct log_cursor *cu, size_t at, unsigned check, uint64_t absent)
{
	uint64_t word = *(const uint64_t *)(const void *)(cu->base + at);
	uint64_t value = word & UINT32_MAX;

	return word == log_cursor_word(0, check, value) ? value : absent;
}

void
log_cursor_set_numbers(struct log_cursor *cu, uint64_t numbers)
{
	cu->numbers = numbers;
	store_word(cu, LOG_CURSOR_NUMBERS, NUMBERS_CHECK, numbers);
}

void
log_cursor_set_used(struct log_cursor *cu, uint64_t used)
{
	cu->used = used;
	store_word(cu, LOG_CURSOR_USED, USED_CHECK, used);
}

static void
load_words(struct log_cursor *cu)
{
	cu->numbers = load_word(cu, LOG_CURSOR_NUMBERS, NUMBERS_CHECK, 0);
	cu->used = load_word(cu, LOG_CURSOR_USED, USED_CHECK, UINT64_MAX);
}

static int
open_checked(struct log_cursor *cu, const struct id *log)
{
	struct stat st;
	uint64_t bytes;
	int rc;

	if (fstat(cu->fd, &st) < 0)
		return -errno;
	rc = S_ISREG(st.st_mode) ? check_headers(cu->fd, log) : -EBADMSG;
	if (rc < 0)
		return rc;
	bytes = (uint64_t)st.st_size;
	if (bytes < LOG_CURSOR_HEADER + STEP_BYTES || bytes > MAPPED ||
	    (bytes - LOG_CURSOR_HEADER) % STEP_BYTES != 0)
		return -EBADMSG;
	cu->log = *log;
	rc = map_file(
	    cu, (uint32_t)((bytes - LOG_CURSOR_HEADER) / sizeof(struct log_slot)));
	if (rc == 0)
		load_words(cu);
	return rc;
}

int
log_cursor_open(struct log_cursor *ret, int dir_fd, const struct id *log)
{
	char name[STATE_FILE_NAME];

	*ret = LOG_CURSOR_NONE;
	format_name(name, log, "");
	ret->fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (ret->fd < 0)
		return -errno;
	return open_checked(ret, log);
}

void
log_cursor_close(struct log_cursor *cu)
{
	if (cu->base != NULL)
		(void)munmap(cu->base, MAPPED);
	if (cu->fd >= 0)
		(void)close(cu->fd);
	*cu = LOG_CURSOR_NONE;
}

static int
grow(struct log_cursor *cu)
{
	size_t from = LOG_CURSOR_HEADER + cu->n_slots * sizeof(struct log_slot);
	int rc;

	if (cu->n_slots == LOG_SEGMENTS)
		return -ENOSPC;
	/* The file may be larger already: a map that failed is tried again. */
	rc = file_allocate(cu->fd, from + STEP_BYTES);
	if (rc == 0)
		rc = map_part(cu, from, from + STEP_BYTES);
	if (rc == 0)
		cu->n_slots += LOG_CURSOR_STEP;
	return rc;
}

/* The check of a number holds the slot instead of the segment. */
static void
store_number(struct log_cursor *cu, uint32_t slot, uint64_t segment)
{
	log_cursor_store(cu, slot, slot, LOG_SEGMENT, segment);
}

int64_t
log_cursor_take(struct log_cursor *cu, uint64_t segment)
{
	uint32_t slot = cu->next;
	int rc;

	while (slot < cu->n_slots && cu->slots[slot].words[LOG_SEGMENT] != 0)
		slot++;
	if (slot == cu->n_slots) {
		rc = grow(cu);
		if (rc < 0)
			return rc;
	}
	for (enum log_word which = LOG_COMMITTED; which < LOG_WORDS; which++)
		log_cursor_store(cu, slot, segment, which, 0);
	log_cursor_store_records(cu, slot, segment, 0);
	log_cursor_set_used(cu, cu->used + 1);
	CRASH_POINT("log_cursor.slot_cleared");
	store_number(cu, slot, segment);
	CRASH_POINT("log_cursor.slot_taken");
	cu->next = slot + 1;
	return slot;
}

void
log_cursor_free(struct log_cursor *cu, uint32_t slot)
{
	__atomic_store_n(&cu->slots[slot].words[LOG_SEGMENT], 0, __ATOMIC_RELEASE);
	CRASH_POINT("log_cursor.slot_freed");
	log_cursor_set_used(cu, cu->used - 1);
	if (slot < cu->next)
		cu->next = slot;
}

int
log_cursor_read(const struct log_cursor *cu, uint32_t slot, struct log_slot_state *ret)
{
	const uint64_t *words = cu->slots[slot].words;
	uint64_t segment = words[LOG_SEGMENT] & UINT32_MAX;

	if (words[LOG_SEGMENT] == 0)
		return 0;
	for (enum log_word which = 0; which < LOG_WORDS; which++) {
		uint64_t seed = which == LOG_SEGMENT ? slot : segment;
		uint64_t value = words[which] & UINT32_MAX;

		ret->value[which] = value;
		ret->damaged[which] =
		    words[which] != log_cursor_word(seed, which, value);
	}
	return 1;
}

/* Segments and offsets have less than 32 bits each. */
static uint64_t
sum_word(uint64_t segment, uint64_t committed, unsigned check, uint64_t value)
{
	return log_cursor_word(segment | committed << 32, check, value);
}

void
log_cursor_store_sum(struct log_cursor *cu, uint32_t slot, uint64_t segment,
    uint64_t committed, const struct log_sum *ls)
{
	uint64_t *words = cu->slots[slot].words;
	uint32_t largest = ls->max_body | (ls->requeued ? LOG_ANY_REQUEUED : 0);

	log_cursor_store_records(cu, slot, segment, ls->records);
	CRASH_POINT("log_cursor.sum_begun");
	__atomic_store_n(&words[LOG_LARGEST],
	    sum_word(segment, committed, LOG_LARGEST_CHECK, largest), __ATOMIC_RELEASE);
	__atomic_store_n(&words[LOG_HIGHEST],
	    sum_word(segment, committed, LOG_HIGHEST_CHECK, (uint32_t)ls->highest),
	    __ATOMIC_RELEASE);
}

bool
log_cursor_sum(const struct log_cursor *cu, uint32_t slot, uint64_t segment,
    uint64_t committed, struct log_sum *ret)
{
	const uint64_t *words = cu->slots[slot].words;
	uint32_t largest = (uint32_t)words[LOG_LARGEST];
	uint32_t highest = (uint32_t)words[LOG_HIGHEST];
	uint64_t records = log_cursor_records(cu, slot, segment);

	if (records == 0 ||
	    words[LOG_LARGEST] !=
		sum_word(segment, committed, LOG_LARGEST_CHECK, largest) ||
	    words[LOG_HIGHEST] !=
		sum_word(segment, committed, LOG_HIGHEST_CHECK, highest))
		return false;
	*ret = (struct log_sum){
		.records = records,
		.max_body = largest & ~LOG_ANY_REQUEUED,
		.requeued = (largest & LOG_ANY_REQUEUED) != 0,
		.highest = highest,
	};
	return true;
}
