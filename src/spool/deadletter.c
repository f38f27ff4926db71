#include "spool/deadletter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/file.h"
#include "spool/names.h"

#define DIRECTORY        "dead-letters"
#define TEMPORARY_SUFFIX ".new"
#define LETTER_MAGIC     "MQBDEADL"
#define LETTER_VERSION   1
#define LETTER_BLOCK     4096 /* bytes; files are counted as what they take on disk */
#define TEXT_MAX         4096 /* bytes of one text with its NUL; longer ones are cut */
#define LETTER_MAX                                                                     \
	(sizeof(struct letter) + (size_t)TEXTS * TEXT_MAX + RECORD_ALIGN +             \
	    RECORD_HEADER + RECORD_BODY_MAX)
#define NUMBER_DIGITS 20
#define NAME_NUMBER   ID_TEXT /* the number's place in a name: an id, a hyphen */
#define NAME_STREAM   (NAME_NUMBER + NUMBER_DIGITS + 1)
#define NAME_BYTES    (NAME_STREAM + ID_TEXT) /* with NUL */

enum { TEXT_URI, TEXT_LABEL, TEXT_ROUTE, TEXT_DETAIL, TEXTS };

/* The file, docs/spool-format.md, section 7: this, the texts each with its NUL, padding
 * with zeros to RECORD_ALIGN, the record. */
struct letter {
	char magic[8];
	uint32_t version;
	uint16_t reason;
	uint16_t reserved;
	struct id ring;
	uint64_t number;
	struct id stream;
	int64_t wall_ns;
	uint32_t text_bytes[TEXTS]; /* with NUL */
	uint64_t record_bytes;      /* header and body */
	uint32_t crc; /* over this up to here, texts and padding, record */
	uint32_t reserved2;
};

_Static_assert(sizeof(struct letter) == 96, "layout of a dead letter");
_Static_assert(sizeof(struct letter) % RECORD_ALIGN == 0, "the record is aligned");

struct deadletters {
	int dir_fd;
	uint64_t max_bytes;
	_Atomic uint64_t count;
	_Atomic uint64_t bytes;
};

const char *
dead_reason_text(unsigned reason)
{
	static const char *const texts[] = {
		[DEAD_TOO_BIG] = "too big",
		[DEAD_TYPE] = "no such type or priority",
		[DEAD_CHECKSUM] = "damaged on the way",
		[DEAD_NEVER_FITS] = "never fits",
		[DEAD_REFUSED] = "refused",
	};

	if (reason >= ARRAY_LEN(texts) || texts[reason] == NULL)
		return "unknown reason";
	return texts[reason];
}

static char *
format_name(char buf[NAME_BYTES], const struct id *ring, uint64_t number,
    const struct id *stream)
{
	char ring_text[ID_TEXT];
	char stream_text[ID_TEXT];

	/* All digits, so that the order of names is the order of numbers. */
	(void)snprintf(buf, NAME_BYTES, "%s-%0*" PRIu64 "-%s",
	    id_format(ring_text, ring), NUMBER_DIGITS, number,
	    id_format(stream_text, stream));
	return buf;
}

static bool
is_id(const char *text)
{
	return strspn(text, "0123456789abcdef") == ID_TEXT - 1;
}

static bool
is_letter(const char *name)
{
	if (strlen(name) != NAME_BYTES - 1 || name[NAME_NUMBER - 1] != '-' ||
	    name[NAME_STREAM - 1] != '-')
		return false;
	return is_id(name) && is_id(name + NAME_STREAM) &&
	       strspn(name + NAME_NUMBER, "0123456789") == NUMBER_DIGITS;
}

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

static int
count(struct deadletters *dl)
{
	struct names nm = { 0 };
	int rc;

	rc = names_list(&nm, dl->dir_fd, is_letter);
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

static int
make_directory(int state_fd)
{
	if (mkdirat(state_fd, DIRECTORY, 0750) == 0)
		return file_sync_dir(state_fd);
	return errno == EEXIST ? 0 : -errno;
}

static int
open_directory(int state_fd)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(state_fd, DIRECTORY, flags);

	return fd < 0 ? -errno : fd;
}

int
deadletters_open(struct deadletters **ret, int state_fd, uint64_t max_bytes)
{
	struct deadletters *dl = calloc(1, sizeof(*dl));
	int rc;

	if (dl == NULL)
		return -ENOMEM;
	dl->dir_fd = -1;
	dl->max_bytes = max_bytes;
	rc = make_directory(state_fd);
	if (rc == 0)
		rc = dl->dir_fd = open_directory(state_fd);
	if (rc >= 0)
		rc = names_remove(dl->dir_fd, is_temporary);
	if (rc == 0)
		rc = count(dl);
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
	struct deadletters *dl = calloc(1, sizeof(*dl));
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
	free(dl);
}

uint64_t
deadletters_count(const struct deadletters *dl)
{
	return dl->count;
}

uint64_t
deadletters_bytes(const struct deadletters *dl)
{
	return dl->bytes;
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

	for (int i = 0; i < TEXTS; i++) {
		if (le->text_bytes[i] == 0 || le->text_bytes[i] > TEXT_MAX)
			return -EBADMSG;
		sum += le->text_bytes[i];
	}
	return (int64_t)((sum + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN);
}

/* Let the strings of dt point into texts. */
static int
parse_texts(struct deadletter *dt, const struct letter *le, const char *texts)
{
	const char **to[TEXTS] = { &dt->uri, &dt->label, &dt->route, &dt->detail };

	for (int i = 0; i < TEXTS; i++) {
		size_t len = le->text_bytes[i] - 1;

		if (memchr(texts, '\0', len + 1) != texts + len)
			return -EBADMSG;
		*to[i] = texts;
		texts += len + 1;
	}
	return 0;
}

/* A whole file, aligned for a record, into dt, which points into it. */
static int
parse(struct deadletter *dt, const char *name, const uint8_t *bytes, size_t len)
{
	char expected[NAME_BYTES];
	const struct record *rec;
	const uint8_t *texts = bytes + sizeof(struct letter);
	struct letter le;
	int64_t texts_len;
	size_t left;

	if (len < sizeof(le))
		return -EBADMSG;
	memcpy(&le, bytes, sizeof(le));
	texts_len = texts_bytes(&le);
	left = len - sizeof(le);
	if (memcmp(le.magic, LETTER_MAGIC, sizeof(le.magic)) != 0 ||
	    le.version != LETTER_VERSION || texts_len < 0 || (size_t)texts_len > left)
		return -EBADMSG;
	left -= (size_t)texts_len;
	rec = (const void *)(texts + texts_len);
	if (le.record_bytes != left || left < RECORD_HEADER ||
	    rec->length != left - RECORD_HEADER ||
	    le.crc != letter_crc(&le, texts, len - sizeof(le)) ||
	    strcmp(name, format_name(expected, &le.ring, le.number, &le.stream)) != 0)
		return -EBADMSG;
	dt->ring = le.ring;
	dt->number = le.number;
	dt->stream = le.stream;
	dt->reason = le.reason;
	dt->wall_ns = le.wall_ns;
	dt->rec = rec;
	return parse_texts(dt, &le, (const char *)texts);
}

/* Read one; *ret_bytes belongs to the caller, and dt points into it. */
static int
load(const struct deadletters *dl, const char *name, char **ret_bytes,
    struct deadletter *dt)
{
	char *bytes;
	size_t len;
	int rc;

	rc = file_read(&bytes, &len, dl->dir_fd, name, LETTER_MAX);
	if (rc < 0)
		return rc == -EFBIG ? -EBADMSG : rc;
	rc = parse(dt, name, (const uint8_t *)bytes, len);
	if (rc < 0) {
		free(bytes);
		return rc;
	}
	*ret_bytes = bytes;
	return 0;
}

/* 1: the letter is there, whole. What is there and damaged makes room for it. */
static int
is_stored(struct deadletters *dl, const char *name)
{
	struct deadletter dt;
	struct stat st;
	char *bytes;
	int rc;

	rc = load(dl, name, &bytes, &dt);
	if (rc == 0)
		free(bytes);
	if (rc == -ENOENT)
		return 0;
	if (rc != -EBADMSG)
		return rc < 0 ? rc : 1;
	if (fstatat(dl->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    unlinkat(dl->dir_fd, name, 0) < 0)
		return -errno;
	dl->count--;
	dl->bytes -= charge((uint64_t)st.st_size);
	return 0;
}

static size_t
text_length(const char *text)
{
	return strnlen(text, TEXT_MAX - 1);
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

/* Everything before the record's body, as one malloc'ed piece. */
static int
compose(const struct deadletter *dt, uint8_t **ret, size_t *ret_len)
{
	const char *text[TEXTS] = { dt->uri, dt->label, dt->route, dt->detail };
	struct letter le = {
		.version = LETTER_VERSION,
		.reason = dt->reason,
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
	for (int i = 0; i < TEXTS; i++)
		le.text_bytes[i] = (uint32_t)text_length(text[i]) + 1;
	len = sizeof(le) + (size_t)texts_bytes(&le) + RECORD_HEADER;
	bytes = calloc(1, len);
	if (bytes == NULL)
		return -ENOMEM;
	at = bytes + sizeof(le);
	for (int i = 0; i < TEXTS; i++) {
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

static int
put_file(const struct deadletters *dl, const char *name, const struct record *rec,
    const uint8_t *front, size_t front_len)
{
	char temporary[NAME_BYTES + sizeof(TEMPORARY_SUFFIX)];
	int rc;
	int fd;

	(void)snprintf(temporary, sizeof(temporary), "%s%s", name, TEMPORARY_SUFFIX);
	(void)unlinkat(dl->dir_fd, temporary, 0);
	fd = openat(
	    dl->dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	rc = write_file(fd, rec, front, front_len);
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && renameat(dl->dir_fd, temporary, dl->dir_fd, name) < 0)
		rc = -errno;
	if (rc < 0) {
		(void)unlinkat(dl->dir_fd, temporary, 0);
		return rc;
	}
	return 0;
}

int
deadletters_store(struct deadletters *dl, const struct deadletter *dt)
{
	char name[NAME_BYTES];
	uint8_t *front;
	size_t front_len;
	uint64_t bytes;
	int rc;

	rc = is_stored(dl, format_name(name, &dt->ring, dt->number, &dt->stream));
	if (rc < 0)
		return rc;
	/* Synced also when it was there: the one who renamed it may have been killed. */
	if (rc == 1)
		return file_sync_dir(dl->dir_fd);
	rc = compose(dt, &front, &front_len);
	if (rc < 0)
		return rc;
	bytes = charge(front_len + (uint64_t)dt->rec->length);
	if (bytes > dl->max_bytes || dl->bytes > dl->max_bytes - bytes)
		rc = -EDQUOT;
	else
		rc = put_file(dl, name, dt->rec, front, front_len);
	free(front);
	if (rc < 0)
		return rc;
	dl->count++;
	dl->bytes += bytes;
	return file_sync_dir(dl->dir_fd);
}

int
deadletters_each(struct deadletters *dl, size_t max,
    int (*each)(const struct deadletter *dt, void *arg), void *arg,
    uint64_t *ret_damaged)
{
	struct names nm = { 0 };
	uint64_t damaged = 0;
	int rc;

	rc = names_list(&nm, dl->dir_fd, is_letter);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < nm.n && i < max && rc == 0; i++) {
		struct deadletter dt;
		char *bytes;

		rc = load(dl, nm.at[i], &bytes, &dt);
		if (rc == 0) {
			rc = each(&dt, arg);
			free(bytes);
		} else if (rc == -EBADMSG) {
			damaged++;
			rc = 0;
		}
	}
	names_done(&nm);
	*ret_damaged = damaged;
	return rc;
}
