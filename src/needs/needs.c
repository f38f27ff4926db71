#include "needs/needs.h"

#include <errno.h>
#include <string.h>

#include "config/conf.h"
#include "lib/ipcq.h"
#include "lib/limits.h"
#include "spool/journal.h"
#include "spool/ring_file.h"

/* Users of people start at 1000 and nobody is 65534; systemd takes dynamic users from between.
 * systemd.exec(5), DynamicUser=. */
#define SYSTEM_UID_MAX  999
#define DYNAMIC_UID_MIN 61184
#define DYNAMIC_UID_MAX 65519

#define MSGMAX_PRESET 8192 /* the kernel's of kernel.msgmax */

bool
needs_reading(const struct conf *cf, const struct conf_queue *cq)
{
	for (size_t i = 0; i < cf->n_routes; i++) {
		if (cf->routes[i].enabled && strcmp(cf->routes[i].from, cq->name) == 0)
			return true;
	}
	return false;
}

bool
needs_writing(const struct conf *cf, const struct conf_queue *cq)
{
	for (size_t i = 0; i < cf->n_routes; i++) {
		const struct conf_route *cr = &cf->routes[i];

		if (cr->enabled && cr->to_peer == NULL &&
		    strcmp(cr->to_entry, cq->name) == 0)
			return true;
	}
	for (size_t i = 0; i < cf->n_peers; i++) {
		if (cf->peers[i].enabled && conf_peer_may_send(&cf->peers[i], cq->name))
			return true;
	}
	return false;
}

void
needs_create(struct ipcq_create *ret, const struct conf_queue *cq)
{
	*ret = (struct ipcq_create){ .max_messages = cq->max_messages,
		.message_size = cq->message_size,
		.max_bytes = cq->max_bytes };
	if (ret->max_messages == 0)
		ret->max_messages = limits_posix_default_messages();
	if (ret->message_size == 0)
		ret->message_size = limits_posix_default_size();
}

uint64_t
needs_message_size(const struct conf_queue *cq)
{
	uint64_t size = 0;

	if (cq->kind == CONF_POSIX)
		return cq->message_size > 0 ? cq->message_size
					    : limits_posix_default_size();
	if (limits_sysv_message(&size) < 0)
		size = MSGMAX_PRESET;
	return cq->max_bytes > 0 && cq->max_bytes < size ? cq->max_bytes : size;
}

int
needs_ring(uint64_t *ret, const struct conf_queue *cq)
{
	struct ring_header hd = { 0 };
	uint64_t message = needs_message_size(cq);

	if (message > UINT32_MAX ||
	    ring_file_size(&hd, (uint32_t)message, cq->ring_size) < 0)
		return -EINVAL;
	*ret = hd.data_offset + hd.bytes;
	return 0;
}

uint64_t
needs_ring_directory(const struct conf *cf)
{
	uint64_t sum = 0, bytes;

	for (size_t i = 0; i < cf->n_queues; i++) {
		const struct conf_queue *cq = &cf->queues[i];

		if (cq->enabled && needs_reading(cf, cq) && needs_ring(&bytes, cq) == 0)
			sum += bytes;
	}
	for (size_t i = 0; i < cf->n_routes; i++)
		sum += cf->routes[i].enabled ? JOURNAL_FILE_BYTES : 0;
	return sum;
}

enum needs_user
needs_user_kind(uid_t uid)
{
	if (uid >= DYNAMIC_UID_MIN && uid <= DYNAMIC_UID_MAX)
		return NEEDS_USER_DYNAMIC;
	return uid > SYSTEM_UID_MAX && uid < DYNAMIC_UID_MIN ? NEEDS_USER_PERSON
							     : NEEDS_USER_SYSTEM;
}
