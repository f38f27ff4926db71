/* An open queue, and what each kind of queue can do. Internal to the library; ipcq.c
 * chooses by kind. Results and errors are those of ipcq.h. */
#ifndef MQBRIDGE_LIB_QUEUE_H
#define MQBRIDGE_LIB_QUEUE_H

#include "base/compiler.h"
#include "lib/ipcq.h"

#define QUEUE_MODE_DEFAULT 0600
#define QUEUE_TYPE_BYTES   8 /* of the type right before a body in a slot */

struct uri;

struct ipcq {
	enum ipcq_kind kind;
	int handle; /* POSIX: the descriptor, -1 when there is none; System V: the id */
	char *uri;
};

/* The mode to make it with, the default filled in. */
static inline mode_t
queue_mode(const struct ipcq_create *create)
{
	if (create == NULL || create->mode == 0)
		return QUEUE_MODE_DEFAULT;
	return create->mode;
}

/* Is somebody else than the caller to own it? */
static inline int
queue_changes_owner(const struct ipcq_create *create)
{
	return create != NULL &&
	       (create->owner != (uid_t)-1 || create->group != (gid_t)-1);
}

/* The handle, or -errno. create is NULL for the defaults. */
int posixq_open(
    const struct uri *u, unsigned flags, const struct ipcq_create *create) MUST_CHECK;
int posixq_remove(const struct uri *u) MUST_CHECK;
int posixq_attributes(const struct ipcq *q, struct ipcq_attributes *ret) MUST_CHECK;
int posixq_send(const struct ipcq *q, const void *body, size_t len, int64_t priority,
    unsigned flags) MUST_CHECK;
int posixq_send_slot(
    const struct ipcq *q, const void *body, size_t len, unsigned flags) MUST_CHECK;
ssize_t posixq_receive_slot(
    const struct ipcq *q, void *body, size_t size, unsigned flags) MUST_CHECK;

int sysvq_open(
    const struct uri *u, unsigned flags, const struct ipcq_create *create) MUST_CHECK;
int sysvq_remove(const struct uri *u) MUST_CHECK;
int sysvq_attributes(const struct ipcq *q, struct ipcq_attributes *ret) MUST_CHECK;
int sysvq_send(const struct ipcq *q, const void *body, size_t len, int64_t type,
    unsigned flags) MUST_CHECK;
int sysvq_send_slot(
    const struct ipcq *q, const void *body, size_t len, unsigned flags) MUST_CHECK;
ssize_t sysvq_receive_slot(const struct ipcq *q, void *body, size_t size,
    int64_t select, unsigned flags) MUST_CHECK;
int sysvq_wait(const struct ipcq *q, int64_t select, unsigned flags,
    int64_t *type_slot) MUST_CHECK;

#endif
