/* The queues of this IPC namespace, each kind with its own way to find them. Internal to
 * the library. */
#ifndef MQBRIDGE_LIB_LIST_H
#define MQBRIDGE_LIB_LIST_H

#include <stdbool.h>

#include "base/compiler.h"
#include "lib/ipcq.h"

/* A list that grows. */
struct list {
	struct ipcq_listed *rows;
	size_t count;
	size_t room;
	bool unopened; /* no queue is opened: closing it would end a notification */
};

/* A zeroed row at the end, valid until the next one; NULL: no memory. */
struct ipcq_listed *list_add(struct list *li);

/* 0 or -errno; the rows are the caller's also on failure. */
int list_posix(struct list *li) MUST_CHECK;
int list_sysv(struct list *li) MUST_CHECK;

#endif
