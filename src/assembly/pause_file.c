#include "assembly/pause_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/file.h"

#define MAGIC         "MQBPAUSE"
#define MAGIC_BYTES   8
#define FILE_VERSION  1
#define ENTRY_DRAINED 1 /* of flags */

struct pause_header {
	char magic[MAGIC_BYTES];
	uint32_t version;
	uint32_t entry_bytes;
	uint64_t entries;
	uint32_t reserved;
	uint32_t crc; /* of all before it */
};

struct pause_entry {
	uint32_t kind;
	uint32_t flags;
	int64_t wall_ns;
	uint32_t uid;
	uint32_t reserved;
	char name[PAUSE_NAME];
	uint32_t reserved2;
	uint32_t crc; /* of all before it */
};

_Static_assert(sizeof(struct pause_header) == 32, "docs/spool-format.md, section 9");
_Static_assert(sizeof(struct pause_entry) == 288, "docs/spool-format.md, section 9");

#define FILE_MAX (sizeof(struct pause_header) + PAUSES_MAX * sizeof(struct pause_entry))

static uint32_t
header_crc(const struct pause_header *hd)
{
	return crc32c(0, hd, offsetof(struct pause_header, crc));
}

static uint32_t
entry_crc(const struct pause_entry *en)
{
	return crc32c(0, en, offsetof(struct pause_entry, crc));
}

void *
pause_encode(const struct pause *pauses, size_t n, size_t *ret_len)
{
	size_t len = sizeof(struct pause_header) + n * sizeof(struct pause_entry);
	struct pause_header *hd = calloc(1, len);
	struct pause_entry *en;

	if (hd == NULL)
		return NULL;
	memcpy(hd->magic, MAGIC, sizeof(hd->magic));
	hd->version = FILE_VERSION;
	hd->entry_bytes = sizeof(*en);
	hd->entries = n;
	hd->crc = header_crc(hd);
	en = (struct pause_entry *)(hd + 1);
	for (size_t i = 0; i < n; i++, en++) {
		en->kind = (uint32_t)pauses[i].kind;
		en->flags = pauses[i].drained ? ENTRY_DRAINED : 0;
		en->wall_ns = pauses[i].wall_ns;
		en->uid = pauses[i].uid;
		memcpy(en->name, pauses[i].name, sizeof(en->name));
		en->crc = entry_crc(en);
	}
	*ret_len = len;
	return hd;
}

static bool
entry_is_whole(const struct pause_entry *en)
{
	return en->crc == entry_crc(en) &&
	       (en->kind == PAUSE_ROUTE || en->kind == PAUSE_PEER) &&
	       en->name[0] != '\0' && memchr(en->name, '\0', sizeof(en->name)) != NULL;
}

/* The header as it stands there: 0, -EBADMSG, or -ENOTSUP. */
static int
check_header(const struct pause_header *hd, size_t len)
{
	if (memcmp(hd->magic, MAGIC, MAGIC_BYTES) != 0 || hd->crc != header_crc(hd))
		return -EBADMSG;
	if (hd->version != FILE_VERSION)
		return -ENOTSUP;
	if (hd->entry_bytes != sizeof(struct pause_entry) || hd->entries > PAUSES_MAX ||
	    len != sizeof(*hd) + hd->entries * sizeof(struct pause_entry))
		return -EBADMSG;
	return 0;
}

int
pause_decode(struct pause **ret, size_t *ret_n, const void *bytes, size_t len)
{
	struct pause_header hd;
	struct pause_entry en;
	size_t room, n = 0;
	struct pause *pauses;
	int rc;

	*ret = NULL;
	*ret_n = 0;
	if (len < sizeof(hd))
		return -EBADMSG;
	memcpy(&hd, bytes, sizeof(hd));
	rc = check_header(&hd, len);
	room = (len - sizeof(hd)) / sizeof(en);
	if (rc == -ENOTSUP || room == 0)
		return rc;
	if (room > PAUSES_MAX)
		room = PAUSES_MAX;
	pauses = calloc(room, sizeof(*pauses));
	if (pauses == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < room; i++) {
		memcpy(
		    &en, (const char *)bytes + sizeof(hd) + i * sizeof(en), sizeof(en));
		if (!entry_is_whole(&en)) {
			rc = -EBADMSG;
			continue;
		}
		pauses[n] = (struct pause){ .kind = (enum pause_kind)en.kind,
			.drained = (en.flags & ENTRY_DRAINED) != 0,
			.uid = en.uid,
			.wall_ns = en.wall_ns };
		memcpy(pauses[n++].name, en.name, sizeof(en.name));
	}
	*ret = pauses;
	*ret_n = n;
	return rc;
}

/* Never over another file. */
static int
set_aside(int state_fd, const char *what, struct pause_report *report)
{
	time_t now = (time_t)(clock_wall_ns() / 1000000000);
	char stamp[32] = "";
	struct tm tm;
	int rc;

	if (gmtime_r(&now, &tm) != NULL)
		(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	(void)snprintf(
	    report->kept, sizeof(report->kept), PAUSE_FILE ".%s-%s", what, stamp);
	rc = file_set_aside(state_fd, PAUSE_FILE, report->kept, sizeof(report->kept));
	return rc < 0 ? rc : file_sync_dir(state_fd);
}

/* What is wrong with it was found: keep it, and write what counts of it. */
static int
file_mend(int state_fd, const struct pause *pauses, size_t n, bool future,
    struct pause_report *report)
{
	size_t len;
	void *bytes;
	int rc;

	report->fault = future ? "it is of a later version of mqbridge"
			       : "it is damaged, or no such file";
	report->rc = set_aside(state_fd, future ? "future" : "damaged", report);
	if (report->rc < 0)
		report->kept[0] = '\0';
	if (report->rc < 0 || n == 0)
		return 0;
	bytes = pause_encode(pauses, n, &len);
	if (bytes == NULL)
		return -ENOMEM;
	rc = file_replace(state_fd, PAUSE_FILE, bytes, len, 1);
	free(bytes);
	report->rc = rc;
	return 0;
}

int
pause_file_load(
    struct pause **ret, size_t *ret_n, int state_fd, struct pause_report *report)
{
	struct pause *pauses;
	char *bytes;
	size_t len, n;
	int rc;

	*report = (struct pause_report){ .fault = NULL };
	*ret = NULL;
	*ret_n = 0;
	rc = file_read(&bytes, &len, state_fd, PAUSE_FILE, FILE_MAX);
	if (rc == -ENOENT || rc == -ENOMEM)
		return rc == -ENOMEM ? rc : 0;
	if (rc < 0)
		return file_mend(state_fd, NULL, 0, false, report);
	rc = pause_decode(&pauses, &n, bytes, len);
	free(bytes);
	if (rc == -EBADMSG || rc == -ENOTSUP)
		rc = file_mend(state_fd, pauses, n, rc == -ENOTSUP, report);
	if (rc < 0) {
		free(pauses);
		return rc;
	}
	*ret = pauses;
	*ret_n = n;
	return 0;
}
