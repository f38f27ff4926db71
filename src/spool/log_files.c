#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/crash.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "spool/log_private.h"
#include "spool/names.h"

#define LOGS          "logs"
#define ABOUT         "about"
#define ABOUT_MAGIC   UINT64_C(0x31304241514d424d) /* "MBMQAB01" */
#define ABOUT_VERSION 1
#define SAVED         "cursors"
#define SAVED_MAGIC   UINT64_C(0x31305543514d424d) /* "MBMQCU01" */
#define SAVED_VERSION 1

struct about {
	uint64_t magic;
	uint32_t version;
	uint32_t reserved;
	struct log_about about;
	uint32_t reserved2;
	uint32_t crc; /* CRC-32C of all before it, seed 0 */
};

struct saved { /* the entries follow */
	uint64_t magic;
	uint32_t version;
	uint32_t reserved;
	struct id log;
	uint64_t numbers;
	uint64_t entries;
	uint32_t reserved2;
	uint32_t crc; /* CRC-32C, seed 0, of all before it and of the entries */
};

/* Synced also if it was there: a kill may have come right after it was made. */
static int
make_directory(int dir_fd, const char *name)
{
	if (mkdirat(dir_fd, name, 0750) < 0 && errno != EEXIST)
		return -errno;
	return file_sync_dir(dir_fd);
}

static int
open_directory(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

int
log_dir_open(int state_fd, const struct id *log)
{
	char text[ID_TEXT];
	int logs = open_directory(state_fd, LOGS);
	int fd;

	if (logs < 0)
		return logs;
	fd = open_directory(logs, id_format(text, log));
	(void)close(logs);
	return fd;
}

int
log_dir_make(int state_fd, const struct id *log)
{
	char text[ID_TEXT];
	int logs, rc;

	rc = make_directory(state_fd, LOGS);
	if (rc < 0)
		return rc;
	logs = open_directory(state_fd, LOGS);
	if (logs < 0)
		return logs;
	CRASH_POINT("log_files.logs_made");
	rc = make_directory(logs, id_format(text, log));
	if (rc == 0)
		rc = open_directory(logs, text);
	CRASH_POINT("log_files.dir_made");
	(void)close(logs);
	return rc;
}

int
log_dirs_look(int state_fd)
{
	int logs = open_directory(state_fd, LOGS);

	if (logs < 0)
		return logs == -ENOENT ? 0 : logs;
	(void)close(logs);
	return 0;
}

static bool
is_log(const char *name)
{
	struct id id;

	return id_parse(&id, name) == 0;
}

int
log_list(struct names *ret, int state_fd)
{
	struct names nm = { 0 };
	int logs = open_directory(state_fd, LOGS);
	int rc = 0;

	if (logs >= 0) {
		rc = names_list(&nm, logs, is_log);
		(void)close(logs);
	} else if (logs != -ENOENT) {
		rc = logs;
	}
	if (rc == 0)
		*ret = nm;
	return rc;
}

static int
put_text(char *to, size_t size, const char *text)
{
	size_t len = strlen(text);

	if (len >= size)
		return -ENAMETOOLONG;
	memcpy(to, text, len + 1);
	return 0;
}

int
log_about_fill(struct log_about *ret, const struct id *log, const struct log_spec *spec)
{
	struct log_about la;
	int rc;

	memset(&la, 0, sizeof(la)); /* it is written as it is */
	la.log = *log;
	la.stream = spec->stream;
	la.ring = spec->ring;
	rc = put_text(la.uri, sizeof(la.uri), spec->uri);
	if (rc == 0)
		rc = put_text(la.take, sizeof(la.take), spec->take);
	if (rc == 0)
		rc = put_text(la.label, sizeof(la.label), spec->label);
	if (rc == 0)
		*ret = la;
	return rc;
}

int
log_about_write(int dir_fd, const struct log_about *la)
{
	struct about ab;

	memset(&ab, 0, sizeof(ab));
	ab.magic = ABOUT_MAGIC;
	ab.version = ABOUT_VERSION;
	ab.about = *la;
	ab.crc = crc32c(0, &ab, offsetof(struct about, crc));
	return file_replace(dir_fd, ABOUT, &ab, sizeof(ab), 1);
}

int
log_dir_begin(struct log *lg)
{
	int rc;

	if (lg->has_dir)
		return 0;
	if (lg->dir_fd < 0)
		lg->dir_fd = log_dir_make(lg->env.state_fd, &lg->id);
	if (lg->dir_fd < 0)
		return lg->dir_fd;
	rc = log_about_write(lg->dir_fd, &lg->about);
	CRASH_POINT("log_files.about_written");
	if (rc == 0)
		rc = log_cursor_publish(&lg->cursor, lg->env.runtime_fd);
	CRASH_POINT("log_files.cursor_published");
	lg->has_dir = rc == 0;
	return rc;
}

static int
check_about(const struct about *ab, const struct id *log)
{
	const struct log_about *la = &ab->about;

	if (ab->magic != ABOUT_MAGIC ||
	    ab->crc != crc32c(0, ab, offsetof(struct about, crc)))
		return -EBADMSG;
	if (ab->version != ABOUT_VERSION)
		return -ENOTSUP;
	if (!id_equal(&la->log, log) ||
	    memchr(la->uri, '\0', sizeof(la->uri)) == NULL ||
	    memchr(la->take, '\0', sizeof(la->take)) == NULL ||
	    memchr(la->label, '\0', sizeof(la->label)) == NULL)
		return -EBADMSG;
	return 0;
}

int
log_about_read(struct log_about *ret, int dir_fd, const struct id *log)
{
	struct about ab;
	char *bytes;
	size_t len;
	int rc;

	rc = file_read(&bytes, &len, dir_fd, ABOUT, sizeof(ab));
	if (rc < 0)
		return rc == -EFBIG ? -EBADMSG : rc;
	memset(&ab, 0, sizeof(ab));
	memcpy(&ab, bytes, len);
	free(bytes);
	rc = len == sizeof(ab) ? check_about(&ab, log) : -EBADMSG;
	if (rc == 0)
		*ret = ab.about;
	return rc;
}

int
log_identify(struct log_about *ret, int state_fd, const struct id *id)
{
	int dir_fd = log_dir_open(state_fd, id);
	int rc;

	if (dir_fd < 0)
		return dir_fd;
	rc = log_about_read(ret, dir_fd, id);
	(void)close(dir_fd);
	return rc;
}

int
log_about_renew(const struct log *lg, const struct log_spec *spec)
{
	struct log_about now, la;
	int rc = log_about_fill(&now, &lg->id, spec);

	if (rc < 0)
		return rc;
	rc = log_identify(&la, lg->env.state_fd, &lg->id);
	if (rc == 0 && id_equal(&la.stream, &now.stream) &&
	    id_equal(&la.ring, &now.ring) && strcmp(la.uri, now.uri) == 0 &&
	    strcmp(la.take, now.take) == 0 && strcmp(la.label, now.label) == 0)
		return 0;
	if (rc < 0 && rc != -EBADMSG && rc != -ENOENT)
		return rc;
	return log_about_write(lg->dir_fd, &now);
}

int
log_remove_begun(int state_fd, const struct id *id)
{
	char text[ID_TEXT];
	int logs = open_directory(state_fd, LOGS);
	int fd, rc = 0;

	if (logs < 0)
		return logs;
	fd = open_directory(logs, id_format(text, id));
	if (fd >= 0) {
		(void)unlinkat(fd, ABOUT ".new", 0);
		(void)close(fd);
	}
	if (unlinkat(logs, text, AT_REMOVEDIR) < 0)
		rc = errno == EEXIST ? -ENOTEMPTY : -errno;
	(void)close(logs);
	return rc;
}

int
log_try(int state_fd)
{
	static const char nothing[sizeof(struct about)];
	struct id id;
	int fd, file, rc;

	rc = id_make(&id);
	if (rc < 0)
		return rc;
	fd = log_dir_make(state_fd, &id);
	if (fd < 0)
		return fd;
	/* A name that is removed after a kill. */
	file = openat(fd, ABOUT ".new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	rc = file < 0 ? -errno : file_write_all(file, nothing, sizeof(nothing));
	if (rc == 0 && fsync(file) < 0)
		rc = -errno;
	if (file >= 0)
		(void)close(file);
	(void)close(fd);
	(void)!log_remove_begun(state_fd, &id);
	return rc;
}

static uint32_t
saved_crc(const struct saved *sv, const void *entries, size_t len)
{
	return crc32c(crc32c(0, sv, offsetof(struct saved, crc)), entries, len);
}

static struct log_saved
saved_entry(const struct log_segment *sg, bool synced)
{
	return (struct log_saved){
		.segment = sg->number,
		.settled = sg->settled,
		.skip_from = sg->skip_from,
		.skip_to = sg->skip_to,
		.synced = synced && !sg->suspect ? sg->end : sg->synced,
	};
}

/* What is settled whole and goes: after a power cut its file may be there once more. */
static size_t
put_dying(struct log_saved *to, const struct log *lg, bool synced)
{
	const struct log_segment *lists[] = { lg->dying, lg->remover.list };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (const struct log_segment *sg = lists[i]; sg != NULL;
		     sg = sg->next) {
			if (to != NULL)
				to[n] = saved_entry(sg, synced);
			n++;
		}
	return n;
}

int
log_saved_compose(const struct log *lg, bool synced, uint8_t **ret, size_t *ret_len)
{
	size_t n_entries = lg->n_segments + put_dying(NULL, lg, synced);
	size_t entries_len = n_entries * sizeof(struct log_saved);
	struct saved sv = {
		.magic = SAVED_MAGIC,
		.version = SAVED_VERSION,
		.log = lg->id,
		.numbers = lg->cursor.numbers,
		.entries = n_entries,
	};
	struct log_saved *entries;
	uint8_t *bytes = calloc(1, sizeof(sv) + entries_len);

	if (bytes == NULL)
		return -ENOMEM;
	entries = (void *)(bytes + sizeof(sv));
	for (size_t i = 0; i < lg->n_segments; i++)
		entries[i] = saved_entry(lg->segments[i], synced);
	(void)put_dying(entries + lg->n_segments, lg, synced);
	sv.crc = saved_crc(&sv, entries, entries_len);
	memcpy(bytes, &sv, sizeof(sv));
	*ret = bytes;
	*ret_len = sizeof(sv) + entries_len;
	return 0;
}

int
log_saved_write(int dir_fd, const uint8_t *bytes, size_t len)
{
	return file_replace(dir_fd, SAVED, bytes, len, 1);
}

static int
parse_saved(
    struct log_saved_all *ret, const struct id *log, const char *bytes, size_t len)
{
	struct saved sv;
	size_t entries_len = len - sizeof(sv);

	if (len < sizeof(sv))
		return -EBADMSG;
	memcpy(&sv, bytes, sizeof(sv));
	if (sv.magic != SAVED_MAGIC ||
	    sv.crc != saved_crc(&sv, bytes + sizeof(sv), entries_len))
		return -EBADMSG;
	if (sv.version != SAVED_VERSION)
		return -ENOTSUP;
	if (!id_equal(&sv.log, log) || entries_len % sizeof(struct log_saved) != 0 ||
	    sv.entries != entries_len / sizeof(struct log_saved))
		return -EBADMSG;
	ret->entries = malloc(entries_len + 1);
	if (ret->entries == NULL)
		return -ENOMEM;
	memcpy(ret->entries, bytes + sizeof(sv), entries_len);
	ret->n_entries = sv.entries;
	ret->numbers = sv.numbers;
	return 0;
}

int
log_saved_check(struct log_saved_all *ret, int dir_fd, const struct id *log)
{
	char *bytes;
	size_t len;
	int rc;

	rc = file_read(&bytes, &len, dir_fd, SAVED,
	    sizeof(struct saved) + LOG_SEGMENTS * sizeof(struct log_saved));
	if (rc < 0)
		return rc == -EFBIG ? -EBADMSG : rc;
	rc = parse_saved(ret, log, bytes, len);
	free(bytes);
	return rc;
}

int
log_saved_read(struct log_saved_all *ret, int dir_fd, const struct id *log)
{
	struct log_saved_all all = { 0 };
	int rc = log_saved_check(&all, dir_fd, log);

	if (rc < 0 && rc != -ENOENT && rc != -EBADMSG)
		return rc;
	*ret = all;
	return 0;
}
