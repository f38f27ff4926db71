#include "ledger.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GROW ((size_t)8 << 20) /* bytes at once */

_Static_assert(sizeof(struct ledger_head) <= LEDGER_PAGE, "the first page");
_Static_assert(sizeof(struct ledger_record) == 24, "records stay 8-byte aligned");

static void
ledger_resize(struct ledger *lg, size_t size)
{
	void *p;

	/* Never sparse: a full disk must be an error here and not a SIGBUS later. */
	errno = posix_fallocate(lg->fd, 0, (off_t)size);
	if (errno != 0)
		err(1, "ledger of %zu bytes", size);
	if (lg->head == NULL)
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, lg->fd, 0);
	else
		p = mremap(lg->head, lg->size, size, MREMAP_MAYMOVE);
	if (p == MAP_FAILED)
		err(1, "mapping a ledger of %zu bytes", size);
	lg->head = p;
	lg->size = size;
}

void
ledger_create(struct ledger *lg, const char *path, uint64_t magic)
{
	*lg = (struct ledger){ .fd = -1 };
	lg->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (lg->fd < 0)
		err(1, "%s", path);
	ledger_resize(lg, LEDGER_PAGE);
	lg->head->end = LEDGER_PAGE;
	lg->head->magic = magic;
}

void
ledger_map(struct ledger *lg, const char *path, uint64_t magic)
{
	struct stat st;
	void *p;

	*lg = (struct ledger){ .fd = open(path, O_RDONLY | O_CLOEXEC) };
	if (lg->fd < 0 || fstat(lg->fd, &st) != 0)
		err(1, "%s", path);
	if (st.st_size < LEDGER_PAGE)
		errx(1, "%s: too short", path);
	lg->size = (size_t)st.st_size;
	p = mmap(NULL, lg->size, PROT_READ, MAP_SHARED, lg->fd, 0);
	if (p == MAP_FAILED)
		err(1, "%s", path);
	lg->head = p;
	if (lg->head->magic != magic || lg->head->end > lg->size ||
	    (magic == LEDGER_SENT && (lg->head->recipe.n_types == 0 ||
					 lg->head->recipe.n_types > MESSAGE_TYPES)))
		errx(1, "%s: not such a ledger", path);
}

void
ledger_close(struct ledger *lg)
{
	if (lg->head != NULL)
		(void)munmap(lg->head, lg->size);
	if (lg->fd >= 0)
		(void)close(lg->fd);
	*lg = (struct ledger){ .fd = -1 };
}

void
ledger_count(struct ledger *lg, size_t bytes)
{
	struct ledger_head *head = lg->head;
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	head->last_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	if (head->count == 0)
		head->first_ns = head->last_ns;
	head->bytes += bytes;
	__atomic_store_n(&head->count, head->count + 1, __ATOMIC_RELEASE);
}

uint64_t
ledger_stride(const struct ledger_record *lr)
{
	if (lr->flags & LEDGER_INTACT)
		return sizeof(*lr);
	return sizeof(*lr) + (((uint64_t)lr->length + 7) & ~UINT64_C(7));
}

/* body is NULL when the record has none. */
static void
ledger_put(struct ledger *lg, const struct ledger_record *lr, const unsigned char *body)
{
	unsigned char *at;

	if (lg->head->end + ledger_stride(lr) > lg->size)
		ledger_resize(lg, lg->size + GROW + lr->length);
	at = (unsigned char *)lg->head + lg->head->end;
	memcpy(at, lr, sizeof(*lr));
	if (body != NULL)
		memcpy(at + sizeof(*lr), body, lr->length);
	__atomic_store_n(
	    &lg->head->end, lg->head->end + ledger_stride(lr), __ATOMIC_RELEASE);
}

void
ledger_append(struct ledger *lg, const unsigned char *body, size_t length, int64_t type)
{
	struct ledger_record lr = { .length = (uint32_t)length, .type = type };
	struct claim claim;
	bool intact = message_intact(body, length, type, &claim);

	if (intact) {
		lr.flags = LEDGER_INTACT;
		lr.producer = (uint16_t)claim.producer;
		lr.number = claim.number;
	}
	ledger_put(lg, &lr, intact ? NULL : body);
}

void
ledger_gone(struct ledger *lg, uint64_t first, uint64_t count)
{
	const struct ledger_record lr = {
		.length = (uint32_t)count, .flags = LEDGER_INTACT, .number = first
	};

	ledger_put(lg, &lr, NULL);
	lg->head->gone += count;
}

void
ledger_removed(struct ledger *lg)
{
	__atomic_store_n(&lg->head->removals, lg->head->removals + 1, __ATOMIC_RELEASE);
}

const struct ledger_record *
ledger_at(const struct ledger *lg, uint64_t offset)
{
	const struct ledger_record *lr;

	if (offset + sizeof(*lr) > lg->head->end)
		return NULL;
	lr = (const void *)((const char *)lg->head + offset);
	if (offset + ledger_stride(lr) > lg->head->end)
		errx(1, "a received record is cut off at %llu",
		    (unsigned long long)offset);
	return lr;
}
