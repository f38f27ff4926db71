/* An open queue, and what each kind of queue can do. Internal to the library; ipcq.c
 * chooses by kind. Results and errors are those of ipcq.h. */
#ifndef MQBRIDGE_LIB_QUEUE_H
#define MQBRIDGE_LIB_QUEUE_H

#include <stdatomic.h>
#include <string.h>
#include <sys/msg.h>

#include "base/compiler.h"
#include "lib/ipcq.h"
#include "lib/wait.h"

#define QUEUE_MODE_DEFAULT 0600
#define QUEUE_TYPE_BYTES   8 /* of the type right before a body in a slot */

struct uri;
struct watch;

typedef int send_fn(
    struct ipcq *q, const void *body, size_t len, int64_t type, unsigned flags);
typedef ssize_t receive_fn(struct ipcq *q, void *buf, size_t size,
    const struct ipcq_options *options, struct ipcq_message *ret);

struct ipcq {
	enum ipcq_kind kind;
	int handle; /* POSIX: the descriptor, -1 when there is none; System V: the id */
	unsigned flags;                /* of ipcq_open() */
	send_fn *send;                 /* ipcq_send() */
	_Atomic(receive_fn *) receive; /* ipcq_receive() */
	atomic_uint nowait;            /* IPCQ_NOWAIT: calls wait only when told so */
	_Atomic(struct watch *) watch; /* NULL: no thread was ever asked for */
	char *uri;
};

/* The mode to make it with, the default filled in. */
static inline mode_t
queue_mode(const struct ipcq_create *create)
{
	if (create == NULL || (create->set & IPCQ_SET_MODE) == 0)
		return QUEUE_MODE_DEFAULT;
	return create->mode;
}

/* Is somebody else than the caller to own it? */
static inline int
queue_changes_owner(const struct ipcq_create *create)
{
	return create != NULL && (create->set & (IPCQ_SET_OWNER | IPCQ_SET_GROUP)) != 0;
}

/* For fchown(2), which leaves -1 as it is. */
static inline uid_t
queue_owner(unsigned set, uid_t owner)
{
	return (set & IPCQ_SET_OWNER) != 0 ? owner : (uid_t)-1;
}

static inline gid_t
queue_group(unsigned set, gid_t group)
{
	return (set & IPCQ_SET_GROUP) != 0 ? group : (gid_t)-1;
}

/* A message that the kernel put at the begin of buf: its type, then its body. */
static inline ssize_t
queue_message(struct ipcq_message *ret, void *buf, ssize_t len)
{
	memcpy(&ret->type, buf, sizeof(ret->type));
	ret->body = (char *)buf + IPCQ_HEAD;
	ret->length = (size_t)len;
	return len;
}

/* With IPCQ_HEADROOM: what msgsnd(2) takes, the body and the type right before it. The
 * caller has promised that this is memory to write to. */
static inline void *
queue_slot(const void *body)
{
	const union {
		const void *given;
		char *lent;
	} memory = { .given = body };

	return memory.lent - QUEUE_TYPE_BYTES;
}

/* The type in a slot. */
static inline int64_t
queue_type(const void *body)
{
	int64_t type;

	memcpy(&type, (const char *)body - QUEUE_TYPE_BYTES, sizeof(type));
	return type;
}

/* 64-bit little-endian: the low half of a type stands first. */
static inline uint32_t
queue_priority(const void *slot)
{
	uint32_t priority;

	memcpy(&priority, slot, sizeof(priority));
	return priority;
}

/* A queue that was not there (-EEXIST) and one that was (-ENOENT), with the flags of
 * ipcq_open(): the handle, or -errno. create is NULL for the defaults. */
int posixq_make(
    const struct uri *u, unsigned flags, const struct ipcq_create *create) MUST_CHECK;
int posixq_attach(const struct uri *u, unsigned flags) MUST_CHECK;
int posixq_remove(const struct uri *u) MUST_CHECK;
int posixq_attributes(const struct ipcq *q, struct ipcq_attributes *ret) MUST_CHECK;
int posixq_change(const struct ipcq *q, const struct ipcq_change *change) MUST_CHECK;
int posixq_send(const struct ipcq *q, const void *body, size_t len, int64_t priority,
    const struct ipcq_options *options) MUST_CHECK;
int posixq_send_slot(
    const struct ipcq *q, const void *body, size_t len, unsigned flags) MUST_CHECK;
ssize_t posixq_receive(const struct ipcq *q, void *buf, size_t size,
    const struct ipcq_options *options, struct ipcq_message *ret) MUST_CHECK;
ssize_t posixq_receive_slot(
    const struct ipcq *q, void *body, size_t size, unsigned flags) MUST_CHECK;

int sysvq_make(const struct uri *u, const struct ipcq_create *create) MUST_CHECK;
int sysvq_attach(const struct uri *u, unsigned flags) MUST_CHECK;
int sysvq_remove(const struct uri *u) MUST_CHECK;
/* 0, -EIDRM (there is no such id) or -errno. *ret is written on failure too. */
int sysvq_status(struct msqid_ds *ret, int id) MUST_CHECK;
int sysvq_attributes(const struct ipcq *q, struct ipcq_attributes *ret) MUST_CHECK;
int sysvq_change(const struct ipcq *q, const struct ipcq_change *change) MUST_CHECK;
int sysvq_send(const struct ipcq *q, const void *body, size_t len, int64_t type,
    const struct ipcq_options *options) MUST_CHECK;
int sysvq_send_slot(
    const struct ipcq *q, const void *body, size_t len, unsigned flags) MUST_CHECK;
/* IPCQ_NOWAIT and IPCQ_TIMED say how to wait; the handle's own mode is not asked. */
ssize_t sysvq_receive(const struct ipcq *q, void *buf, size_t size,
    const struct ipcq_options *options, struct ipcq_message *ret) MUST_CHECK;
ssize_t sysvq_peek(const struct ipcq *q, void *buf, size_t size, uint64_t position,
    struct ipcq_message *ret) MUST_CHECK;
ssize_t sysvq_receive_slot(const struct ipcq *q, void *body, size_t size,
    int64_t select, unsigned flags) MUST_CHECK;
int sysvq_wait(const struct ipcq *q, int64_t select, unsigned flags,
    int64_t *type_slot) MUST_CHECK;

#endif
