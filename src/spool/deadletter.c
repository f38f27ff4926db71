#include "spool/deadletter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/file.h"
#include "spool/deadletter_index.h"
#include "spool/deadletter_private.h"
#include "spool/names.h"

#define DIRECTORY        "dead-letters"
#define TEMPORARY_SUFFIX ".new"
#define LETTER_BLOCK     4096 /* bytes; files are counted as what they take on disk */

static bool
is_temporary(const char *name)
{
	size_t len = strlen(name);
	size_t suffix = strlen(TEMPORARY_SUFFIX);

	return len > suffix && strcmp(name + len - suffix, TEMPORARY_SUFFIX) == 0;
}

static uint64_t
charge(uint64_t file_bytes)
{
	return (file_bytes + LETTER_BLOCK - 1) / LETTER_BLOCK * LETTER_BLOCK;
}

/* By name and size only; for tools. */
static int
count(struct deadletters *dl)
{
	struct names nm = { 0 };
	int rc;

	rc = names_list(&nm, dl->dir_fd, letter_is_name);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < nm.n && rc == 0; i++) {
		struct stat st;

		if (fstatat(dl->dir_fd, nm.at[i], &st, AT_SYMLINK_NOFOLLOW) < 0) {
			rc = -errno;
			break;
		}
		dl->count++;
		dl->bytes += charge((uint64_t)st.st_size);
	}
	names_done(&nm);
	return rc;
}

/* An entry for a letter, and room for it in the index: remembering it cannot fail. */
static int
prepare(
    struct deadletters *dl, struct deadletter_entry **ret, const struct deadletter *dt)
{
	int rc;

	(void)pthread_mutex_lock(&dl->mutex);
	rc = deadletter_index_reserve(dl->index);
	(void)pthread_mutex_unlock(&dl->mutex);
	return rc < 0 ? rc : deadletter_entry_new(ret, dt);
}

static void
remember(struct deadletters *dl, struct deadletter_entry *en, uint64_t file_bytes)
{
	(void)pthread_mutex_lock(&dl->mutex);
	deadletter_index_add(dl->index, en, charge(file_bytes));
	dl->count++;
	dl->bytes += charge(file_bytes);
	(void)pthread_mutex_unlock(&dl->mutex);
}

/* At the start: one file. */
static int
learn(struct deadletters *dl, struct letter_front *fr, const char *name)
{
	struct deadletter_entry *en;
	int fd;
	int rc;

	rc = letter_open(fr, &fd, dl->dir_fd, name);
	if (letter_is_unreadable(rc))
		return deadletters_set_aside(dl, name, rc);
	if (rc < 0)
		return rc;
	(void)close(fd);
	/* What does not go into memory takes its room all the same. */
	if (dl->count >= DEADLETTERS_MAX) {
		dl->unlisted++;
		dl->bytes += charge(fr->file_bytes);
		return 0;
	}
	rc = prepare(dl, &en, &fr->dead);
	if (rc == 0)
		remember(dl, en, fr->file_bytes);
	return rc;
}

static int
learn_all(struct deadletters *dl)
{
	struct letter_front *fr = malloc(sizeof(*fr));
	struct names nm = { 0 };
	int rc;

	if (fr == NULL)
		return -ENOMEM;
	rc = names_list(&nm, dl->dir_fd, letter_is_name);
	for (size_t i = 0; i < nm.n && rc == 0; i++)
		rc = learn(dl, fr, nm.at[i]);
	names_done(&nm);
	free(fr);
	return rc;
}

/* Synced also if it was there: a kill may have come right after it was made. */
static int
make_directory(int state_fd)
{
	if (mkdirat(state_fd, DIRECTORY, 0750) < 0 && errno != EEXIST)
		return -errno;
	return file_sync_dir(state_fd);
}

static int
open_directory(int state_fd)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(state_fd, DIRECTORY, flags);

	return fd < 0 ? -errno : fd;
}

static struct deadletters *
make(void)
{
	struct deadletters *dl = calloc(1, sizeof(*dl));

	if (dl == NULL)
		return NULL;
	dl->dir_fd = -1;
	/* With these attributes it cannot fail. */
	(void)pthread_mutex_init(&dl->mutex, NULL);
	if (deadletter_index_new(&dl->index) == 0)
		return dl;
	deadletters_close(dl);
	return NULL;
}

int
deadletters_open(struct deadletters **ret, int state_fd, uint64_t max_bytes)
{
	struct deadletters *dl = make();
	int rc;

	if (dl == NULL)
		return -ENOMEM;
	dl->max_bytes = max_bytes;
	rc = make_directory(state_fd);
	if (rc == 0)
		rc = dl->dir_fd = open_directory(state_fd);
	if (rc >= 0)
		rc = names_remove(dl->dir_fd, is_temporary);
	if (rc == 0)
		rc = deadletters_count_aside(dl);
	if (rc == 0)
		rc = learn_all(dl);
	if (rc < 0) {
		deadletters_close(dl);
		return rc;
	}
	*ret = dl;
	return 0;
}

int
deadletters_look(struct deadletters **ret, int state_fd)
{
	struct deadletters *dl = make();
	int rc;

	if (dl == NULL)
		return -ENOMEM;
	rc = dl->dir_fd = open_directory(state_fd);
	if (rc >= 0)
		rc = count(dl);
	if (rc < 0) {
		deadletters_close(dl);
		return rc;
	}
	*ret = dl;
	return 0;
}

void
deadletters_close(struct deadletters *dl)
{
	if (dl == NULL)
		return;
	if (dl->dir_fd >= 0)
		(void)close(dl->dir_fd);
	deadletter_index_free(dl->index);
	(void)pthread_mutex_destroy(&dl->mutex);
	free(dl);
}

void
deadletters_set_reserve(struct deadletters *dl, const struct space_reserve *reserve)
{
	dl->reserve_bytes = reserve->bytes;
	dl->reserve_percent = reserve->percent;
}

void
deadletters_set_limit(struct deadletters *dl, uint64_t max_bytes)
{
	dl->max_bytes = max_bytes;
}

uint64_t
deadletters_count(const struct deadletters *dl)
{
	return dl->count + dl->unlisted;
}

uint64_t
deadletters_bytes(const struct deadletters *dl)
{
	return dl->bytes;
}

/* 1: the letter is there, whole. What is there and is no letter is put aside. */
static int
is_stored(struct deadletters *dl, const char *name)
{
	struct letter_front *fr = malloc(sizeof(*fr));
	bool text;
	int fd;
	int rc;

	if (fr == NULL)
		return -ENOMEM;
	rc = letter_open(fr, &fd, dl->dir_fd, name);
	if (rc == 0) {
		rc = letter_verify(fr, fd, &text);
		(void)close(fd);
	}
	free(fr);
	if (rc == -ENOENT)
		return 0;
	if (letter_is_unreadable(rc))
		return deadletters_set_aside(dl, name, rc);
	return rc < 0 ? rc : 1;
}

/* Is there room for so many bytes more? */
static int
check_room(struct deadletters *dl, const struct deadletter *dt, uint64_t bytes)
{
	const struct space_reserve reserve = { dl->reserve_percent, dl->reserve_bytes };
	uint64_t max_bytes = dl->max_bytes, of_route = 0;

	if (dt->route_limit > 0) {
		(void)pthread_mutex_lock(&dl->mutex);
		of_route = deadletter_index_bytes(dl->index, dt->route);
		(void)pthread_mutex_unlock(&dl->mutex);
	}
	if (dl->count >= DEADLETTERS_MAX || bytes > max_bytes ||
	    dl->bytes > max_bytes - bytes)
		return -EDQUOT;
	if (dt->route_limit > 0 &&
	    (bytes > dt->route_limit || of_route > dt->route_limit - bytes))
		return -EOVERFLOW;
	return space_check(dl->dir_fd, &reserve, bytes);
}

/* A letter that is not there. */
static int
store_new(struct deadletters *dl, const struct deadletter *dt, const char *name)
{
	struct deadletter_entry *en = NULL;
	uint8_t *front = NULL;
	uint64_t file_bytes;
	size_t front_len;
	int rc;

	rc = letter_compose(dt, &front, &front_len);
	if (rc < 0)
		return rc;
	file_bytes = front_len + (uint64_t)dt->rec->length;
	rc = check_room(dl, dt, charge(file_bytes));
	if (rc == 0)
		rc = prepare(dl, &en, dt);
	if (rc == 0)
		rc = letter_put(dl->dir_fd, name, dt->rec, front, front_len);
	free(front);
	if (rc == 0)
		remember(dl, en, file_bytes);
	else
		deadletter_entry_free(en);
	return rc;
}

int
deadletters_store(struct deadletters *dl, const struct deadletter *dt)
{
	const struct deadletter_key key = { dt->ring, dt->number, dt->stream };
	char name[LETTER_NAME];
	int rc;

	rc = is_stored(dl, letter_name(name, &key));
	if (rc == 0)
		rc = store_new(dl, dt, name);
	CRASH_POINT("deadletter.stored");
	/* Synced also when it was there: the one who renamed it may have been killed. */
	return rc < 0 ? rc : file_sync_dir(dl->dir_fd);
}

const char *
deadletters_why(int rc)
{
	switch (rc) {
	case -EDQUOT:
		return "full (dead_letter_limit)";
	case -EOVERFLOW:
		return "full for this route (its dead_letter_limit)";
	case -ENOSPC:
		return "no room in the file system beside what is reserved "
		       "(reserve_percent, reserve_space)";
	default:
		return strerror(-rc);
	}
}

int
deadletters_remove(struct deadletters *dl, const struct deadletter_key *key)
{
	char name[LETTER_NAME];
	int rc = 0;

	CRASH_POINT("deadletter.unlinking");
	if (unlinkat(dl->dir_fd, letter_name(name, key), 0) < 0)
		rc = -errno;
	CRASH_POINT("deadletter.unlinked");
	if (rc == 0 || rc == -ENOENT)
		deadletters_forget(dl, key);
	return rc;
}

int
deadletters_sync(struct deadletters *dl)
{
	return file_sync_dir(dl->dir_fd);
}

int
deadletters_load(struct deadletters *dl, const struct deadletter_key *key,
    struct deadletter *dt, char **ret_bytes)
{
	char name[LETTER_NAME];
	int rc = letter_load(dt, ret_bytes, dl->dir_fd, letter_name(name, key));

	return letter_is_unreadable(rc) ? deadletters_give_up(dl, key, rc) : rc;
}

int
deadletters_each(struct deadletters *dl, size_t max,
    int (*each)(const struct deadletter *dt, void *arg), void *arg,
    uint64_t *ret_damaged)
{
	struct names nm = { 0 };
	uint64_t damaged = 0;
	int rc;

	rc = names_list(&nm, dl->dir_fd, letter_is_name);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < nm.n && i < max && rc == 0; i++) {
		struct deadletter dt;
		char *bytes;

		rc = letter_load(&dt, &bytes, dl->dir_fd, nm.at[i]);
		if (rc == 0) {
			rc = each(&dt, arg);
			free(bytes);
		} else if (letter_is_unreadable(rc)) {
			damaged++;
			rc = 0;
		}
	}
	names_done(&nm);
	*ret_damaged = damaged;
	return rc;
}
