#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spool/deadletter_index.h"
#include "spool/deadletter_private.h"

#define ID_STREAM_DIGITS 8 /* of a stream's 32, in the ids that we show */

_Static_assert(DEADLETTER_FILE >= LETTER_NAME, "a name fits");

int
deadletters_list(struct deadletters *dl, const char *route,
    int (*each)(const struct deadletter_info *in, void *arg), void *arg)
{
	int rc = 0;

	(void)pthread_mutex_lock(&dl->mutex);
	for (size_t i = 0; rc == 0 && i < deadletter_index_count(dl->index); i++) {
		const struct deadletter_info *in = deadletter_index_at(dl->index, i);

		if (route == NULL || strcmp(in->route, route) == 0)
			rc = each(in, arg);
	}
	(void)pthread_mutex_unlock(&dl->mutex);
	return rc;
}

bool
deadletters_next(struct deadletters *dl, const char *route,
    const struct deadletter_key *after, struct deadletter_key *ret)
{
	bool found = false;
	size_t i = 0;

	(void)pthread_mutex_lock(&dl->mutex);
	if (after != NULL) {
		i = deadletter_index_from(dl->index, after);
		if (deadletter_index_has(dl->index, after))
			i++;
	}
	for (; !found && i < deadletter_index_count(dl->index); i++) {
		const struct deadletter_info *in = deadletter_index_at(dl->index, i);

		found = route == NULL || strcmp(in->route, route) == 0;
		if (found)
			*ret = in->key;
	}
	(void)pthread_mutex_unlock(&dl->mutex);
	return found;
}

static int
count_one(const struct deadletter_info *in, void *arg)
{
	(void)in;
	(*(uint64_t *)arg)++;
	return 0;
}

uint64_t
deadletters_count_of(struct deadletters *dl, const char *route)
{
	uint64_t n = 0;

	(void)deadletters_list(dl, route, count_one, &n);
	return n;
}

uint64_t
deadletters_limit(const struct deadletters *dl)
{
	return dl->max_bytes;
}

uint64_t
deadletters_held(struct deadletters *dl)
{
	uint64_t n;

	(void)pthread_mutex_lock(&dl->mutex);
	n = deadletter_index_held(dl->index);
	(void)pthread_mutex_unlock(&dl->mutex);
	return n;
}

char *
deadletter_id(char buf[DEADLETTER_ID], const struct deadletter_key *key)
{
	char stream[ID_TEXT];

	(void)snprintf(buf, DEADLETTER_ID, "%" PRIu64 "-%.*s", key->number,
	    ID_STREAM_DIGITS, id_format(stream, &key->stream));
	return buf;
}

char *
deadletter_file(char buf[DEADLETTER_FILE], const struct deadletter_key *key)
{
	return letter_name(buf, key);
}

struct search {
	uint64_t number;
	const char *stream; /* digits, perhaps none */
	const char *file;   /* or NULL */
	struct deadletter_key *ret;
	unsigned found;
};

static int
try_one(const struct deadletter_info *in, void *arg)
{
	struct search *se = arg;
	char stream[ID_TEXT];
	char name[LETTER_NAME];

	if (se->file != NULL) {
		if (strcmp(se->file, letter_name(name, &in->key)) != 0)
			return 0;
	} else if (in->key.number != se->number ||
		   strncmp(id_format(stream, &in->key.stream), se->stream,
		       strlen(se->stream)) != 0) {
		return 0;
	}
	*se->ret = in->key;
	se->found++;
	return 0;
}

/* Decimal digits, and perhaps a hyphen with hexadecimal ones. */
static int
parse_id(struct search *se, const char *id)
{
	char *end;

	if (strspn(id, "0123456789") == 0)
		return -EINVAL;
	errno = 0;
	se->number = strtoull(id, &end, 10);
	if (errno != 0)
		return -EINVAL;
	if (*end == '-')
		se->stream = end + 1;
	else if (*end != '\0')
		return -EINVAL;
	return strspn(se->stream, "0123456789abcdef") == strlen(se->stream) ? 0
									    : -EINVAL;
}

int
deadletters_find(struct deadletters *dl, const char *id, struct deadletter_key *ret)
{
	struct deadletter_key key;
	struct search se = { .stream = "", .ret = &key };
	int rc = 0;

	if (letter_is_name(id))
		se.file = id;
	else
		rc = parse_id(&se, id);
	if (rc < 0)
		return rc;
	(void)deadletters_list(dl, NULL, try_one, &se);
	if (se.found != 1)
		return se.found == 0 ? -ENOENT : -ENOTUNIQ;
	*ret = key;
	return 0;
}
