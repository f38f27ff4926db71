#include "endpoint/settle.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/msg.h>

#include "base/crc32c.h"
#include "lib/ipcq.h"
#include "lib/queue.h"
#include "record/record.h"
#include "spool/marks.h"

/* Looking at a message costs what the buffer holds; beyond this the start would be late. */
#define LOOK_MESSAGES 4096
#define LOOK_BYTES    (UINT64_C(64) << 20)

/* Between what a process sees as the second and what the kernel stamps. */
#define CLOCK_SLACK_S 1

/* The last message of a type. */
struct last {
	int64_t type;
	size_t length;
	uint32_t crc;
};

struct settle_view {
	int queue; /* its id */
	time_t sent_s;
	pid_t sender; /* who sent last; 0: he may be alive, or others sent meanwhile */
	size_t n;
	struct last last[]; /* of every type that waits, if there is a sender */
};

static bool
is_dead(pid_t pid)
{
	return pid > 0 && kill(pid, 0) < 0 && errno == ESRCH;
}

static const struct last *
find_last(const struct settle_view *sv, int64_t type)
{
	for (size_t i = 0; i < sv->n; i++)
		if (sv->last[i].type == type)
			return &sv->last[i];
	return NULL;
}

/* From the newest to the oldest: what others take meanwhile moves the rest to the front, so none
 * is passed over. False: not all could be looked at. */
static bool
look_at_all(struct settle_view *sv, struct ipcq *q, char *buf, size_t size, uint64_t n)
{
	struct ipcq_message msg;

	for (uint64_t i = n; i > 0; i--) {
		ssize_t len = ipcq_peek(q, buf, size, i - 1, &msg);

		if (len < 0 && len != -EAGAIN)
			return false;
		if (len >= 0 && find_last(sv, msg.type) == NULL)
			sv->last[sv->n++] = (struct last){ msg.type, msg.length,
				crc32c(0, msg.body, msg.length) };
	}
	return true;
}

static bool
look_at_messages(struct settle_view *sv, const struct ipcq_attributes *at)
{
	size_t size = IPCQ_HEAD + (size_t)at->message_size;
	struct ipcq *q = NULL;
	char *buf = malloc(size);
	char uri[32];
	bool done = false;

	(void)snprintf(uri, sizeof(uri), "sysv:id:%d", sv->queue);
	if (buf != NULL && ipcq_open(&q, uri, IPCQ_READ, NULL) == 0)
		done = look_at_all(sv, q, buf, size, at->messages);
	ipcq_close(q);
	free(buf);
	return done;
}

int
settle_look(struct settle_view **ret, const struct ipcq *q)
{
	struct msqid_ds before = { 0 }, after = { 0 };
	struct ipcq_attributes at = { 0 };
	struct settle_view *sv;
	uint64_t room;
	int id = ipcq_id(q);
	int rc;

	rc = sysvq_status(&before, id);
	if (rc == 0)
		rc = ipcq_attributes(q, &at);
	if (rc < 0)
		return rc;
	room = at.messages;
	if (room > LOOK_MESSAGES || room * (IPCQ_HEAD + at.message_size) > LOOK_BYTES)
		room = 0;
	sv = calloc(1, sizeof(*sv) + room * sizeof(sv->last[0]));
	if (sv == NULL)
		return -ENOMEM;
	sv->queue = id;
	sv->sent_s = before.msg_stime;
	if (room > 0 && is_dead(before.msg_lspid) && look_at_messages(sv, &at) &&
	    sysvq_status(&after, id) == 0 && after.msg_lspid == before.msg_lspid &&
	    after.msg_stime == before.msg_stime)
		sv->sender = before.msg_lspid;
	*ret = sv;
	return 0;
}

void
settle_free(struct settle_view *sv)
{
	free(sv);
}

/* What the dead process sent right before was of the same type, and another message: so in a
 * queue that has not taken rec the last of that type is not equal to it. */
static bool
follows_another(const struct doubt_evidence *ev, const struct record *rec)
{
	return ev->sent && ev->sent_type == rec->type &&
	       (ev->sent_length != rec->length || ev->sent_crc != rec->body_crc);
}

enum settle_verdict
settle_judge(const struct settle_view *sv, const struct doubt_evidence *ev,
    const struct record *rec, int64_t type)
{
	const struct last *last;

	if (sv == NULL || sv->queue != ev->queue)
		return SETTLE_OPEN;
	/* Nobody has sent anything since. */
	if (ev->intent_s != 0 && sv->sent_s + CLOCK_SLACK_S < ev->intent_s)
		return SETTLE_NOT_TAKEN;
	if (ev->pid == 0 || sv->sender != ev->pid)
		return SETTLE_OPEN;
	/* Messages of one type leave a queue in the order in which they came, and the dead process
	 * sent last: so rec would be the last of its type. */
	last = find_last(sv, type);
	if (last == NULL)
		return SETTLE_OPEN;
	if (last->length != rec->length ||
	    last->crc != crc32c(0, rec->body, rec->length))
		return SETTLE_NOT_TAKEN;
	return follows_another(ev, rec) ? SETTLE_TAKEN : SETTLE_OPEN;
}
