/* What a configuration needs of its host, for those who tell it before anything fails:
 * mqbridged --check and mqbridgectl doctor. Asks the kernel for limits, changes nothing. */
#ifndef MQBRIDGE_NEEDS_NEEDS_H
#define MQBRIDGE_NEEDS_NEEDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

struct conf;
struct conf_queue;
struct ipcq_create;

#define NEEDS_SERVICE_USER "mqbridge" /* as systemd/mqbridge.sysusers makes it */

/* Does an enabled route take from the queue? */
bool needs_reading(const struct conf *cf, const struct conf_queue *cq);
/* May messages come into it: from an enabled route or an enabled peer? */
bool needs_writing(const struct conf *cf, const struct conf_queue *cq);

/* As the daemon makes the queue; what the configuration leaves open is the system's default. */
void needs_create(struct ipcq_create *ret, const struct conf_queue *cq);
/* The largest message that the queue will have room for, if it is made as configured. */
uint64_t needs_message_size(const struct conf_queue *cq);
/* Bytes of its ring. -EINVAL: none can be made for such messages. */
int needs_ring(uint64_t *ret, const struct conf_queue *cq) MUST_CHECK;
/* Bytes of all rings and send journals. */
uint64_t needs_ring_directory(const struct conf *cf);

enum needs_user {
	NEEDS_USER_SYSTEM,
	NEEDS_USER_DYNAMIC, /* of DynamicUser=, whose queues systemd deletes */
	NEEDS_USER_PERSON,  /* whose queues logind may delete */
};
enum needs_user needs_user_kind(uid_t uid);

#endif
