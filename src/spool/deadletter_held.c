#include <stdlib.h>

#include "base/file.h"
#include "spool/deadletter_index.h"
#include "spool/deadletter_private.h"

int
deadletters_write_flags(struct deadletters *dl, const struct deadletter *dt)
{
	const struct deadletter_key key = { dt->ring, dt->number, dt->stream };
	char name[LETTER_NAME];
	uint8_t *front = NULL;
	size_t front_len;
	int rc;

	rc = letter_compose(dt, &front, &front_len);
	if (rc < 0)
		return rc;
	/* As large as before: the quota is not asked. */
	rc = letter_put(dl->dir_fd, letter_name(name, &key), dt->rec, front, front_len);
	free(front);
	if (rc < 0)
		return rc;
	(void)pthread_mutex_lock(&dl->mutex);
	deadletter_index_set_flags(dl->index, &key, dt->flags);
	(void)pthread_mutex_unlock(&dl->mutex);
	return file_sync_dir(dl->dir_fd);
}
