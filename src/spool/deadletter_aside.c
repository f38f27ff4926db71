#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "spool/deadletter_index.h"
#include "spool/deadletter_private.h"
#include "spool/names.h"

#define DAMAGED "damaged-"
#define FUTURE  "future-"

bool
letter_is_unreadable(int rc)
{
	return rc == -EBADMSG || rc == -ENOTSUP || rc == -EIO || rc == -EACCES ||
	       rc == -EISDIR;
}

static bool
is_aside(const char *name)
{
	return strncmp(name, DAMAGED, sizeof(DAMAGED) - 1) == 0 ||
	       strncmp(name, FUTURE, sizeof(FUTURE) - 1) == 0;
}

int
deadletters_count_aside(struct deadletters *dl)
{
	struct names nm = { 0 };
	int rc = names_list(&nm, dl->dir_fd, is_aside);

	dl->aside = nm.n;
	names_done(&nm);
	return rc;
}

static const char *
why(int rc)
{
	switch (rc) {
	case -EBADMSG:
		return "damaged, or no dead letter";
	case -ENOTSUP:
		return "of a later version of mqbridge";
	default:
		return strerror(-rc);
	}
}

static void
note(struct deadletters *dl, const char *file, int rc)
{
	struct deadletter_notice *nt;

	dl->aside++;
	(void)pthread_mutex_lock(&dl->mutex);
	if (dl->notices.n < NOTICES_MAX) {
		nt = &dl->notices.at[dl->notices.n++];
		(void)snprintf(nt->file, sizeof(nt->file), "%s", file);
		nt->why = why(rc);
	}
	(void)pthread_mutex_unlock(&dl->mutex);
}

int
deadletters_set_aside(struct deadletters *dl, const char *name, int rc)
{
	const char *prefix = rc == -ENOTSUP ? FUTURE : DAMAGED;
	char file[sizeof(((struct deadletter_notice *)0)->file)];
	int renamed;

	(void)snprintf(file, sizeof(file), "%s%s", prefix, name);
	renamed = file_set_aside(dl->dir_fd, name, file, sizeof(file));
	if (renamed < 0)
		return renamed;
	note(dl, file, rc);
	return 0;
}

void
deadletters_forget(struct deadletters *dl, const struct deadletter_key *key)
{
	uint64_t before;

	(void)pthread_mutex_lock(&dl->mutex);
	before = deadletter_index_bytes(dl->index, NULL);
	if (deadletter_index_remove(dl->index, key)) {
		dl->count--;
		dl->bytes -= before - deadletter_index_bytes(dl->index, NULL);
	}
	(void)pthread_mutex_unlock(&dl->mutex);
}

int
deadletters_give_up(struct deadletters *dl, const struct deadletter_key *key, int rc)
{
	char name[LETTER_NAME];

	rc = deadletters_set_aside(dl, letter_name(name, key), rc);
	if (rc < 0)
		return rc;
	deadletters_forget(dl, key);
	return -EBADMSG;
}

uint64_t
deadletters_aside(const struct deadletters *dl)
{
	return dl->aside;
}

bool
deadletters_notice(struct deadletters *dl, struct deadletter_notice *ret)
{
	bool found;

	(void)pthread_mutex_lock(&dl->mutex);
	found = dl->notices.n > 0;
	if (found) {
		*ret = dl->notices.at[0];
		dl->notices.n--;
		memmove(dl->notices.at, dl->notices.at + 1,
		    dl->notices.n * sizeof(dl->notices.at[0]));
	}
	(void)pthread_mutex_unlock(&dl->mutex);
	return found;
}
