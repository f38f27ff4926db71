#include "spool/deadletter_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "spool/deadletter_private.h"

struct deadletter_reader {
	int fd;
	bool text;
	uint64_t at; /* in the file */
	struct letter_front front;
};

static int
open_letter(struct deadletter_reader *rd, struct deadletters *dl,
    const struct deadletter_key *key)
{
	char name[LETTER_NAME];
	int rc;

	rc = letter_open(&rd->front, &rd->fd, dl->dir_fd, letter_name(name, key));
	if (rc == 0)
		rc = letter_verify(&rd->front, rd->fd, &rd->text);
	return letter_is_unreadable(rc) ? deadletters_give_up(dl, key, rc) : rc;
}

int
deadletter_reader_open(struct deadletter_reader **ret, struct deadletters *dl,
    const struct deadletter_key *key)
{
	struct deadletter_reader *rd = calloc(1, sizeof(*rd));
	int rc;

	if (rd == NULL)
		return -ENOMEM;
	rd->fd = -1;
	rc = open_letter(rd, dl, key);
	if (rc < 0) {
		deadletter_reader_close(rd);
		return rc;
	}
	rd->at = rd->front.len;
	*ret = rd;
	return 0;
}

void
deadletter_reader_close(struct deadletter_reader *rd)
{
	if (rd == NULL)
		return;
	if (rd->fd >= 0)
		(void)close(rd->fd);
	free(rd);
}

const struct deadletter *
deadletter_reader_letter(const struct deadletter_reader *rd)
{
	return &rd->front.dead;
}

bool
deadletter_reader_is_text(const struct deadletter_reader *rd)
{
	return rd->text;
}

int64_t
deadletter_reader_body(struct deadletter_reader *rd, uint8_t *bytes, size_t max)
{
	uint64_t left = rd->front.file_bytes - rd->at;
	size_t len = left < max ? (size_t)left : max;
	int rc = file_pread_all(rd->fd, bytes, len, (off_t)rd->at);

	if (rc < 0)
		return rc;
	rd->at += len;
	return (int64_t)len;
}
