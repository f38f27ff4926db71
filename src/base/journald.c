#include "base/journald.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

#define JOURNALD_SOCKET "/run/systemd/journal/socket"

bool
journald_is_stderr(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
		return false;
	(void)snprintf(
	    ours, sizeof(ours), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, ours) == 0;
}

struct entry {
	char *bytes;
	size_t len; /* above JOURNALD_ENTRY_MAX: it did not fit */
};

static void
entry_put(struct entry *en, const void *bytes, size_t len)
{
	if (en->len + len <= JOURNALD_ENTRY_MAX)
		memcpy(en->bytes + en->len, bytes, len);
	en->len += len;
}

/* In the form that takes any byte: the length of the value is told, so a newline in the name of
 * a route begins no field. */
static void
entry_field(struct entry *en, const char *name, const char *value)
{
	uint8_t length[8];
	uint64_t len;

	if (value == NULL || value[0] == '\0')
		return;
	len = strlen(value);
	for (unsigned i = 0; i < sizeof(length); i++)
		length[i] = (uint8_t)(len >> (8 * i));
	entry_put(en, name, strlen(name));
	entry_put(en, "\n", 1);
	entry_put(en, length, sizeof(length));
	entry_put(en, value, len);
	entry_put(en, "\n", 1);
}

int
journald_format(char buf[JOURNALD_ENTRY_MAX], const struct log_line *ln, int priority)
{
	struct entry en = { .len = 0 };
	char number[32];

	en.bytes = buf;
	(void)snprintf(number, sizeof(number), "%d", priority);
	entry_field(&en, "MESSAGE", ln->text);
	entry_field(&en, "PRIORITY", number);
	entry_field(&en, "SYSLOG_IDENTIFIER", "mqbridged");
	entry_field(&en, "MQB_AREA", ln->area);
	if (ln->id != EVENT_NONE) {
		entry_field(&en, "MESSAGE_ID", event_kind(ln->id)->message_id);
		entry_field(&en, "MQB_EVENT", event_kind(ln->id)->name);
	}
	entry_field(&en, "MQB_ROUTE", ln->fields.route);
	entry_field(&en, "MQB_PEER", ln->fields.peer);
	entry_field(&en, "MQB_QUEUE", ln->fields.queue);
	entry_field(&en, "MQB_REASON", ln->fields.reason);
	(void)snprintf(number, sizeof(number), "%" PRIu64, ln->repeated);
	if (ln->repeated > 0)
		entry_field(&en, "MQB_REPEATED", number);
	return en.len <= JOURNALD_ENTRY_MAX ? (int)en.len : -E2BIG;
}

int
journald_send(int *fd, const char *entry, size_t len)
{
	static const struct sockaddr_un journal = { .sun_family = AF_UNIX,
		.sun_path = JOURNALD_SOCKET };

	if (*fd < 0) {
		*fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (*fd < 0)
			return -errno;
	}
	if (sendto(*fd, entry, len, MSG_NOSIGNAL | MSG_DONTWAIT,
		(const struct sockaddr *)&journal, sizeof(journal)) < 0)
		return -errno;
	return 0;
}
