#include "spool/deadletter_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/utf8.h"

#define LETTER_MAGIC     "MQBDEADL"
#define LETTER_VERSION   1
#define NAME_NUMBER      ID_TEXT /* the number's place in a name: an id, a hyphen */
#define NAME_STREAM      (NAME_NUMBER + LETTER_NUMBER_DIGITS + 1)
#define TEMPORARY_SUFFIX ".new"
#define READ_BYTES       65536

_Static_assert(sizeof(struct letter) == 96, "layout of a dead letter");
_Static_assert(sizeof(struct letter) % RECORD_ALIGN == 0, "the record is aligned");

char *
letter_name(char buf[LETTER_NAME], const struct deadletter_key *key)
{
	char ring[ID_TEXT];
	char stream[ID_TEXT];

	/* All digits, so that the order of names is the order of numbers. */
	(void)snprintf(buf, LETTER_NAME, "%s-%0*" PRIu64 "-%s",
	    id_format(ring, &key->ring), LETTER_NUMBER_DIGITS, key->number,
	    id_format(stream, &key->stream));
	return buf;
}

static bool
is_id(const char *text)
{
	return strspn(text, "0123456789abcdef") == ID_TEXT - 1;
}

bool
letter_is_name(const char *name)
{
	if (strlen(name) != LETTER_NAME - 1 || name[NAME_NUMBER - 1] != '-' ||
	    name[NAME_STREAM - 1] != '-')
		return false;
	return is_id(name) && is_id(name + NAME_STREAM) &&
	       strspn(name + NAME_NUMBER, "0123456789") == LETTER_NUMBER_DIGITS;
}

static uint32_t
letter_crc(const struct letter *le, const void *rest, size_t rest_len)
{
	return crc32c(crc32c(0, le, offsetof(struct letter, crc)), rest, rest_len);
}

/* Bytes of all texts with the padding behind them; -EBADMSG. */
static int64_t
texts_bytes(const struct letter *le)
{
	uint64_t sum = 0;

	for (int i = 0; i < LETTER_TEXTS; i++) {
		if (le->text_bytes[i] == 0 || le->text_bytes[i] > LETTER_TEXT_MAX)
			return -EBADMSG;
		sum += le->text_bytes[i];
	}
	return (int64_t)((sum + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN);
}

/* Let the strings of dt point into texts. */
static int
parse_texts(struct deadletter *dt, const struct letter *le, const char *texts)
{
	const char **to[LETTER_TEXTS] = { &dt->uri, &dt->label, &dt->route,
		&dt->detail };

	for (int i = 0; i < LETTER_TEXTS; i++) {
		size_t len = le->text_bytes[i] - 1;

		if (memchr(texts, '\0', len + 1) != texts + len)
			return -EBADMSG;
		*to[i] = texts;
		texts += len + 1;
	}
	return 0;
}

/* Magic and version; what else the header says is not looked at. */
static int
parse_header(struct letter *le, const uint8_t *bytes, size_t have)
{
	if (have < sizeof(*le))
		return -EBADMSG;
	memcpy(le, bytes, sizeof(*le));
	if (memcmp(le->magic, LETTER_MAGIC, sizeof(le->magic)) != 0)
		return -EBADMSG;
	if (le->version != LETTER_VERSION)
		return le->version > LETTER_VERSION ? -ENOTSUP : -EBADMSG;
	return 0;
}

int
letter_parse(struct deadletter *dt, size_t *ret_front, const char *name,
    const struct letter_bytes *lb)
{
	char expected[LETTER_NAME];
	struct deadletter_key key;
	const struct record *rec;
	struct letter le;
	int64_t texts_len;
	size_t front;
	int rc = parse_header(&le, lb->at, lb->have);

	if (rc < 0)
		return rc;
	texts_len = texts_bytes(&le);
	if (texts_len < 0)
		return -EBADMSG;
	front = sizeof(le) + (size_t)texts_len + RECORD_HEADER;
	if (front > lb->have ||
	    le.record_bytes != lb->file_bytes - front + RECORD_HEADER)
		return -EBADMSG;
	rec = (const void *)(lb->at + front - RECORD_HEADER);
	key = (struct deadletter_key){ le.ring, le.number, le.stream };
	if (rec->length != le.record_bytes - RECORD_HEADER ||
	    strcmp(name, letter_name(expected, &key)) != 0)
		return -EBADMSG;
	*dt = (struct deadletter){ .ring = le.ring,
		.number = le.number,
		.stream = le.stream,
		.reason = le.reason,
		.flags = le.flags,
		.wall_ns = le.wall_ns,
		.rec = rec };
	*ret_front = front;
	return parse_texts(dt, &le, (const char *)lb->at + sizeof(le));
}

static int
read_front(struct letter_front *ret, int fd, const char *name)
{
	struct stat st;
	size_t have;
	int rc;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > LETTER_MAX)
		return -EBADMSG;
	ret->file_bytes = (uint64_t)st.st_size;
	have = ret->file_bytes < sizeof(ret->bytes) ? (size_t)ret->file_bytes
						    : sizeof(ret->bytes);
	rc = file_pread_all(fd, ret->bytes, have, 0);
	if (rc == 0)
		rc = letter_parse(&ret->dead, &ret->len, name,
		    &(struct letter_bytes){ ret->bytes, have, ret->file_bytes });
	if (rc == 0)
		memcpy(&ret->crc, ret->bytes + offsetof(struct letter, crc),
		    sizeof(ret->crc));
	return rc == -ENODATA ? -EBADMSG : rc;
}

int
letter_open(struct letter_front *ret, int *ret_fd, int dir_fd, const char *name)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
	int fd = openat(dir_fd, name, flags);
	int rc;

	if (fd < 0)
		return errno == ELOOP || errno == ENXIO ? -EBADMSG : -errno;
	rc = read_front(ret, fd, name);
	if (rc < 0) {
		(void)close(fd);
		return rc;
	}
	*ret_fd = fd;
	return 0;
}

int
letter_verify(const struct letter_front *fr, int fd, bool *ret_text)
{
	static const struct utf8 begin;
	const uint8_t *rest = fr->bytes + sizeof(struct letter);
	uint8_t *buf = malloc(READ_BYTES);
	struct utf8 text = begin;
	uint64_t at = fr->len;
	uint32_t crc;
	int rc = 0;

	if (buf == NULL)
		return -ENOMEM;
	crc = letter_crc((const struct letter *)(const void *)fr->bytes, rest,
	    fr->len - sizeof(struct letter));
	while (rc == 0 && at < fr->file_bytes) {
		uint64_t left = fr->file_bytes - at;
		size_t len = left < READ_BYTES ? (size_t)left : READ_BYTES;

		rc = file_pread_all(fd, buf, len, (off_t)at);
		if (rc == 0) {
			crc = crc32c(crc, buf, len);
			utf8_feed(&text, buf, len);
		}
		at += len;
	}
	free(buf);
	if (rc < 0)
		return rc == -ENODATA ? -EBADMSG : rc;
	if (crc != fr->crc)
		return -EBADMSG;
	*ret_text = utf8_is_text(&text);
	return 0;
}

/* The whole bytes of a file: like letter_parse(), and the checksum. */
static int
check_whole(struct deadletter *dt, const char *name, const uint8_t *bytes, size_t len)
{
	const struct letter *le = (const void *)bytes;
	size_t front;
	const struct letter_bytes lb = { bytes, len, len };
	int rc = letter_parse(dt, &front, name, &lb);

	if (rc < 0)
		return rc;
	return le->crc == letter_crc(le, bytes + sizeof(*le), len - sizeof(*le))
		   ? 0
		   : -EBADMSG;
}

int
letter_load(struct deadletter *dt, char **ret_bytes, int dir_fd, const char *name)
{
	char *bytes;
	size_t len;
	int rc;

	rc = file_read(&bytes, &len, dir_fd, name, LETTER_MAX);
	if (rc < 0)
		return rc == -EFBIG ? -EBADMSG : rc;
	rc = check_whole(dt, name, (const uint8_t *)bytes, len);
	if (rc < 0) {
		free(bytes);
		return rc;
	}
	*ret_bytes = bytes;
	return 0;
}

/* The header without its state, which the loop's thread may be changing. */
static void
copy_header(uint8_t *to, const struct record *rec)
{
	const uint8_t *from = (const uint8_t *)rec;
	size_t behind = offsetof(struct record, state) + sizeof(rec->state);

	memcpy(to, from, offsetof(struct record, state));
	memcpy(to + behind, from + behind, RECORD_HEADER - behind);
}

int
letter_compose(const struct deadletter *dt, uint8_t **ret, size_t *ret_len)
{
	const char *text[LETTER_TEXTS] = { dt->uri, dt->label, dt->route, dt->detail };
	struct letter le = {
		.version = LETTER_VERSION,
		.reason = dt->reason,
		.flags = dt->flags,
		.ring = dt->ring,
		.number = dt->number,
		.stream = dt->stream,
		.wall_ns = dt->wall_ns,
		.record_bytes = RECORD_HEADER + (uint64_t)dt->rec->length,
	};
	size_t len;
	uint8_t *bytes;
	uint8_t *at;

	memcpy(le.magic, LETTER_MAGIC, sizeof(le.magic));
	for (int i = 0; i < LETTER_TEXTS; i++)
		le.text_bytes[i] = (uint32_t)strnlen(text[i], LETTER_TEXT_MAX - 1) + 1;
	len = sizeof(le) + (size_t)texts_bytes(&le) + RECORD_HEADER;
	bytes = calloc(1, len);
	if (bytes == NULL)
		return -ENOMEM;
	at = bytes + sizeof(le);
	for (int i = 0; i < LETTER_TEXTS; i++) {
		memcpy(at, text[i], le.text_bytes[i] - 1);
		at += le.text_bytes[i];
	}
	copy_header(bytes + len - RECORD_HEADER, dt->rec);
	le.crc = letter_crc(&le, bytes + sizeof(le), len - sizeof(le));
	le.crc = crc32c(le.crc, dt->rec->body, dt->rec->length);
	memcpy(bytes, &le, sizeof(le));
	*ret = bytes;
	*ret_len = len;
	return 0;
}

static int
write_file(int fd, const struct record *rec, const uint8_t *front, size_t front_len)
{
	int rc = file_write_all(fd, front, front_len);

	if (rc == 0)
		rc = file_write_all(fd, rec->body, rec->length);
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	return rc;
}

int
letter_put(int dir_fd, const char *name, const struct record *rec, const uint8_t *front,
    size_t front_len)
{
	char temporary[LETTER_NAME + sizeof(TEMPORARY_SUFFIX)];
	int rc;
	int fd;

	(void)snprintf(temporary, sizeof(temporary), "%s%s", name, TEMPORARY_SUFFIX);
	(void)unlinkat(dir_fd, temporary, 0);
	fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	rc = write_file(fd, rec, front, front_len);
	CRASH_POINT("deadletter.written");
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
		rc = -errno;
	CRASH_POINT("deadletter.renamed");
	if (rc < 0)
		(void)unlinkat(dir_fd, temporary, 0);
	return rc;
}
