#include "state_fixture.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/file.h"
#include "ring_fixture.h"
#include "spool/marks.h"
#include "spool/names.h"
#include "spool/runtime.h"
#include "spool/state_file.h"
#include "spool/stream.h"

static int
make_directory(const char *path)
{
	int fd;

	ck_assert_int_eq(mkdir(path, 0750), 0);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

void
state_dirs_make(struct state_dirs *sd)
{
	(void)snprintf(sd->base, sizeof(sd->base), "/dev/shm/mqbridge-state.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(sd->base));
	(void)snprintf(sd->runtime, sizeof(sd->runtime), "%s/run", sd->base);
	(void)snprintf(sd->state, sizeof(sd->state), "%s/lib", sd->base);
	sd->runtime_fd = make_directory(sd->runtime);
	sd->state_fd = make_directory(sd->state);
}

static int
remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void
state_dirs_remove(struct state_dirs *sd)
{
	(void)close(sd->runtime_fd);
	(void)close(sd->state_fd);
	ck_assert_int_eq(nftw(sd->base, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static struct ring *
fill_ring(const struct state_dirs *sd, enum ring_kind kind)
{
	struct ring_spec spec = {
		.kind = kind,
		.uri = kind == RING_POSIX ? "posix:/orders" : "sysv:0x4d51",
		.take = "",
		.max_body = 512,
		.bytes = 65536,
	};
	struct ring *rg = NULL;
	char body[512];

	ck_assert_int_eq(ring_create(&rg, sd->runtime_fd, &spec), 0);
	memset(body, 'a', sizeof(body));
	for (uint32_t i = 0; i < 30; i++)
		ring_put(rg, body, i * 17 % 512, 1 + i % 5);
	/* So that the tail is not at the beginning. */
	ck_assert_int_eq(ring_attach(rg, 0, 1), 0);
	ring_settle(rg, 0, 20);
	ring_detach(rg, 0);
	return rg;
}

static void
fill_stream(const struct state_dirs *sd, struct ring *rg, const char *label)
{
	struct stream *st;
	uint64_t seq;
	bool is_new;

	ck_assert_int_eq(stream_create(&st, sd->runtime_fd, rg, label), 0);
	ring_put(rg, "one", 3, 1);
	ring_put(rg, "two", 3, 1);
	ring_put(rg, "three", 5, 1);
	ck_assert_int_eq(stream_admit(st), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_ptr_nonnull(stream_peek(st, &seq, &is_new));
		stream_take(st);
	}
	ck_assert_int_eq(stream_acknowledge(st, 1), 0);
	stream_close(st);
}

static void
fill_marks(const struct state_dirs *sd)
{
	struct id one = state_id(1);
	struct id two = state_id(2);
	struct marks *mk;
	struct mark *m;
	uint64_t found;

	ck_assert_int_eq(marks_open(&mk, sd->runtime_fd, &found), 0);
	ck_assert_int_eq(mark_new(mk, &one, "hub/one", 41, &m), 0);
	mark_intend(m, 42);
	ck_assert_int_eq(mark_new(mk, &two, "hub/two", 0, &m), 0);
	ck_assert_int_eq(mark_reject(m, 1, 1), 0);
	marks_close(mk);
}

void
state_dirs_fill(const struct state_dirs *sd)
{
	struct ring *rg = fill_ring(sd, RING_POSIX);

	fill_stream(sd, rg, "hub/orders");
	ring_close(rg);
	rg = fill_ring(sd, RING_SYSV);
	fill_stream(sd, rg, "hub/jobs");
	fill_stream(sd, rg, "other/jobs");
	ring_close(rg);
	fill_marks(sd);
}

static bool
is_any(const char *name)
{
	return name[0] != '.';
}

void
state_dirs_reboot(const struct state_dirs *sd)
{
	ck_assert_int_eq(names_remove(sd->runtime_fd, is_any), 0);
}

bool
state_has(int dir_fd, const char *name)
{
	return faccessat(dir_fd, name, F_OK, 0) == 0;
}

void
state_put(int dir_fd, const char *name, const void *bytes, size_t len)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(file_write_all(fd, bytes, len), 0);
	ck_assert_int_eq(close(fd), 0);
}

uint8_t *
state_get(int dir_fd, const char *name, size_t *ret_len)
{
	char *bytes = NULL;

	ck_assert_int_eq(file_read(&bytes, ret_len, dir_fd, name, 1 << 26), 0);
	return (uint8_t *)bytes;
}

static struct names
list(int dir_fd, const char *prefix)
{
	struct names nm;
	size_t n = 0;

	ck_assert_int_eq(names_list(&nm, dir_fd, is_any), 0);
	for (size_t i = 0; i < nm.n; i++) {
		char *name = nm.at[i];

		if (strncmp(name, prefix, strlen(prefix)) == 0)
			nm.at[n++] = name;
		else
			free(name);
	}
	nm.n = n;
	return nm;
}

void
state_find_file(int dir_fd, const char *prefix, char *name)
{
	struct names nm = list(dir_fd, prefix);

	ck_assert_int_eq(nm.n, 1);
	(void)snprintf(name, 256, "%s", nm.at[0]);
	names_done(&nm);
}

unsigned
state_count(int dir_fd, const char *prefix)
{
	struct names nm = list(dir_fd, prefix);
	unsigned n = (unsigned)nm.n;

	names_done(&nm);
	return n;
}

uint32_t
state_digest(int dir_fd)
{
	struct names nm;
	uint32_t crc = 0;

	ck_assert_int_eq(names_list(&nm, dir_fd, state_file_is), 0);
	for (size_t i = 0; i < nm.n; i++) {
		size_t len;
		uint8_t *bytes = state_get(dir_fd, nm.at[i], &len);

		crc = crc32c(crc, nm.at[i], strlen(nm.at[i]) + 1);
		crc = crc32c(crc, &len, sizeof(len));
		crc = crc32c(crc, bytes, len);
		free(bytes);
	}
	names_done(&nm);
	return crc;
}

struct runtime *
state_open(const struct state_dirs *sd)
{
	struct runtime *rt = NULL;
	char *error = NULL;
	int rc = runtime_open(&rt, sd->runtime, sd->state, &error);

	ck_assert_msg(rc == 0, "%d: %s", rc, error == NULL ? "" : error);
	return rt;
}

struct id
state_id(uint8_t n)
{
	struct id ret = { { 0 } };

	ret.bytes[0] = n;
	ret.bytes[ID_BYTES - 1] = 0x5a;
	return ret;
}
