#include "ring_fixture.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW INT64_C(1000)

void
ring_dir_open(struct ring_dir *rd)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	(void)snprintf(rd->path, sizeof(rd->path), "%s/mqbridge-ring.XXXXXX", base);
	ck_assert_ptr_nonnull(mkdtemp(rd->path));
	rd->fd = open(rd->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(rd->fd, 0);
}

static void
each_file(const struct ring_dir *rd,
    void (*each)(const struct ring_dir *rd, const char *name, void *arg), void *arg)
{
	DIR *dir = opendir(rd->path);
	const struct dirent *de;

	ck_assert_ptr_nonnull(dir);
	while ((de = readdir(dir)) != NULL)
		if (de->d_name[0] != '.')
			each(rd, de->d_name, arg);
	(void)closedir(dir);
}

static void
remove_file(const struct ring_dir *rd, const char *name, void *arg)
{
	(void)arg;
	ck_assert_int_eq(unlinkat(rd->fd, name, 0), 0);
}

void
ring_dir_close(struct ring_dir *rd)
{
	each_file(rd, remove_file, NULL);
	(void)close(rd->fd);
	ck_assert_int_eq(rmdir(rd->path), 0);
}

static void
copy_file(const struct ring_dir *rd, const char *name, void *arg)
{
	const struct ring_dir *to = arg;
	size_t size;
	uint8_t *bytes = ring_dir_map(rd, name, &size);
	int fd;

	fd = openat(to->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
	(void)close(fd);
	(void)munmap(bytes, size);
}

void
ring_dir_copy(const struct ring_dir *from, const struct ring_dir *to)
{
	struct ring_dir into = *to;

	each_file(from, copy_file, &into);
}

struct wanted {
	const char *prefix;
	char name[256];
	int found;
};

static void
find_file(const struct ring_dir *rd, const char *name, void *arg)
{
	struct wanted *wd = arg;

	(void)rd;
	if (strncmp(name, wd->prefix, strlen(wd->prefix)) == 0) {
		(void)snprintf(wd->name, sizeof(wd->name), "%s", name);
		wd->found++;
	}
}

void
ring_dir_find(const struct ring_dir *rd, const char *prefix, char *name)
{
	struct wanted wd = { .prefix = prefix };

	each_file(rd, find_file, &wd);
	ck_assert_int_eq(wd.found, 1);
	(void)snprintf(name, sizeof(wd.name), "%s", wd.name);
}

uint8_t *
ring_dir_map(const struct ring_dir *rd, const char *name, size_t *ret_size)
{
	struct stat st;
	void *at;
	int fd;

	fd = openat(rd->fd, name, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert(at != MAP_FAILED);
	(void)close(fd);
	*ret_size = (size_t)st.st_size;
	return at;
}

struct ring *
ring_dir_make(const struct ring_dir *rd, enum ring_kind kind, uint32_t max_body)
{
	struct ring_spec spec = {
		.kind = kind, .uri = "posix:/q", .take = "", .max_body = max_body
	};
	struct ring *rg = NULL;

	ck_assert_int_eq(ring_create(&rg, rd->fd, &spec), 0);
	return rg;
}

struct ring *
ring_dir_reopen(const struct ring_dir *rd, struct ring_report *report)
{
	struct ring_report unused;
	struct ring *rg = NULL;
	char name[256];

	ring_dir_find(rd, "ring-", name);
	ck_assert_int_eq(
	    ring_open(&rg, rd->fd, name, NOW, report == NULL ? &unused : report), 0);
	return rg;
}

struct record *
ring_receive(struct ring *rg, const void *body, uint32_t len, int64_t type)
{
	struct record *rec = NULL;

	ck_assert_int_eq(ring_reserve(rg, &rec), 0);
	/* As mq_receive(3) does, only the low half. */
	if (ring_kind(rg) == RING_POSIX)
		memcpy(&rec->type, &type, sizeof(uint32_t));
	else
		rec->type = type;
	if (len > 0)
		memcpy(rec->body, body, len);
	return rec;
}

void
ring_put(struct ring *rg, const void *body, uint32_t len, int64_t type)
{
	ring_commit(rg, ring_receive(rg, body, len, type), len, NOW);
}

struct record *
ring_find(const struct ring *rg, uint64_t number)
{
	uint64_t position = ring_tail(rg);

	for (; position < ring_head(rg); position = ring_after(rg, position))
		if (ring_at(rg, position)->number == number)
			return ring_at(rg, position);
	return NULL;
}

void
ring_settle(struct ring *rg, unsigned slot, uint64_t number)
{
	uint64_t position = ring_tail(rg);

	for (; position < ring_head(rg); position = ring_after(rg, position))
		if (ring_at(rg, position)->number <= number)
			ring_at(rg, position)->state |= RECORD_SETTLED(slot);
	(void)ring_release(rg);
}

uint32_t
ring_random(uint64_t *state, uint32_t below)
{
	/* xorshift64*, Vigna 2016; state must not be 0. */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)((*state * UINT64_C(2685821657736338717)) >> 33) % below;
}
