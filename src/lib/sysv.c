#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/stat.h>

#include "lib/limits.h"
#include "lib/queue.h"
#include "lib/uri.h"

#define OPEN_TRIES  100     /* others may make and remove the key while we look */
#define STACK_BODY  8192    /* bytes; kernel.msgmax where nobody raised it */
#define INDEX_SMALL 0x7fffu /* msgctl(2): the low bits of an id are its index ... */
#define INDEX_LARGE                                                                    \
	0xffffffu /* ... and these with ipcmni_extend on the kernel's command line */

/* What msgsnd(2) takes: a type right before the body. */
struct message {
	long type;
	char body[STACK_BODY];
};

static int
access_mode(unsigned flags)
{
	return ((flags & IPCQ_READ) != 0 ? S_IRUSR : 0) |
	       ((flags & IPCQ_WRITE) != 0 ? S_IWUSR : 0);
}

/* MSG_STAT_ANY needs no permission to read, but an index instead of the id. */
static int
stat_any(struct msqid_ds *ret, int id)
{
	if (msgctl((int)((unsigned)id & INDEX_SMALL), MSG_STAT_ANY, ret) == id ||
	    msgctl((int)((unsigned)id & INDEX_LARGE), MSG_STAT_ANY, ret) == id)
		return 0;
	return -EACCES;
}

/* 0, -EIDRM (there is no such id) or -errno. *ret is written on failure too. */
static int
status(struct msqid_ds *ret, int id)
{
	int rc;

	if (msgctl(id, IPC_STAT, ret) == 0)
		return 0;
	rc = -errno;
	if (rc == -EACCES)
		return stat_any(ret, id);
	return rc == -EINVAL ? -EIDRM : rc;
}

static int
open_id(int id, unsigned flags)
{
	struct msqid_ds ds;
	int rc;

	if ((flags & IPCQ_CREATE) != 0)
		return -EINVAL;
	rc = status(&ds, id);
	if (rc == -EIDRM)
		return -ENOENT;
	return rc < 0 ? rc : id;
}

/* msgget(2) itself cannot set bytes, owner and group. */
static int
set_attributes(int id, const struct ipcq_create *create)
{
	struct msqid_ds ds;

	if (create->max_bytes > INT_MAX) /* the kernel's own limits are of that type */
		return -EINVAL;
	if (msgctl(id, IPC_STAT, &ds) < 0)
		return -errno;
	if (create->max_bytes != 0)
		ds.msg_qbytes = create->max_bytes;
	if (create->owner != (uid_t)-1)
		ds.msg_perm.uid = create->owner;
	if (create->group != (gid_t)-1)
		ds.msg_perm.gid = create->group;
	ds.msg_perm.mode = (unsigned short)queue_mode(create);
	if (msgctl(id, IPC_SET, &ds) < 0)
		return -errno;
	return 0;
}

static int
make(key_t key, const struct ipcq_create *create)
{
	int mode = (int)queue_mode(create);
	int special =
	    queue_changes_owner(create) || (create != NULL && create->max_bytes != 0);
	int rc;
	int id;

	/* IPC_STAT needs reading; and until the owner is set nobody else gets in. */
	if (special)
		mode = S_IRUSR | S_IWUSR;
	id = msgget(key, IPC_CREAT | IPC_EXCL | mode);
	if (id < 0)
		return -errno;
	if (!special)
		return id;
	rc = set_attributes(id, create);
	if (rc < 0) {
		(void)msgctl(id, IPC_RMID, NULL);
		return rc;
	}
	return id;
}

static int
open_existing(key_t key, unsigned flags)
{
	int id = msgget(key, access_mode(flags));

	return id < 0 ? -errno : id;
}

int
sysvq_open(const struct uri *u, unsigned flags, const struct ipcq_create *create)
{
	key_t key;
	int rc;

	if (u->form == URI_ID)
		return open_id(u->id, flags);
	rc = uri_key(&key, u);
	if (rc < 0)
		return rc;
	if ((flags & IPCQ_CREATE) == 0)
		return open_existing(key, flags);
	for (int i = 0; i < OPEN_TRIES; i++) {
		rc = make(key, create);
		if (rc != -EEXIST || (flags & IPCQ_EXCLUSIVE) != 0)
			return rc;
		rc = open_existing(key, flags);
		if (rc != -ENOENT)
			return rc;
	}
	return rc;
}

int
sysvq_remove(const struct uri *u)
{
	int id = u->id;
	key_t key;
	int rc;

	if (u->form != URI_ID) {
		rc = uri_key(&key, u);
		if (rc < 0)
			return rc;
		id = msgget(key, 0);
		if (id < 0)
			return -errno;
	}
	if (msgctl(id, IPC_RMID, NULL) < 0)
		return errno == EINVAL || errno == EIDRM ? -ENOENT : -errno;
	return 0;
}

int
sysvq_attributes(const struct ipcq *q, struct ipcq_attributes *ret)
{
	struct msqid_ds ds;
	uint64_t largest = 0;
	int rc;

	rc = status(&ds, q->handle);
	if (rc == 0)
		rc = limits_sysv_message(&largest);
	if (rc < 0)
		return rc;
	*ret = (struct ipcq_attributes){
		.kind = IPCQ_SYSV,
		.messages = ds.msg_qnum,
		.bytes = ds.msg_cbytes,
		.message_size = largest < ds.msg_qbytes ? largest : ds.msg_qbytes,
		.max_bytes = ds.msg_qbytes,
		.mode = ds.msg_perm.mode & 0777,
		.owner = ds.msg_perm.uid,
		.group = ds.msg_perm.gid,
	};
	return 0;
}

/* msgsnd(2) says EINVAL for a type, for a length and for an id that is gone. */
static int
explain_invalid(const struct ipcq *q, size_t len, long type)
{
	struct msqid_ds ds;
	uint64_t largest = 0;

	if (type < 1)
		return -EINVAL;
	if (status(&ds, q->handle) == -EIDRM)
		return -EIDRM;
	if (limits_sysv_message(&largest) == 0 && len > largest)
		return -EMSGSIZE;
	return -EINVAL;
}

/* Beyond the queue's bytes, but within kernel.msgmax, the kernel would wait for ever.
 * */
static int
can_never_fit(const struct ipcq *q, size_t len)
{
	struct msqid_ds ds;

	/* Each message counts as one at least, also one without a body. */
	return status(&ds, q->handle) == 0 &&
	       (len > ds.msg_qbytes || ds.msg_qbytes == 0);
}

int
sysvq_send_slot(const struct ipcq *q, const void *body, size_t len, unsigned flags)
{
	const void *slot = (const char *)body - QUEUE_TYPE_BYTES;
	long type;
	int rc;

	if (msgsnd(q->handle, slot, len, IPC_NOWAIT) == 0)
		return 0;
	rc = -errno;
	if (rc == -EAGAIN && can_never_fit(q, len))
		return -EMSGSIZE;
	if (rc == -EAGAIN && (flags & IPCQ_NOWAIT) == 0)
		rc = msgsnd(q->handle, slot, len, 0) < 0 ? -errno : 0;
	if (rc == -EINVAL) {
		memcpy(&type, slot, sizeof(type));
		rc = explain_invalid(q, len, type);
	}
	return rc;
}

static int
send_from_heap(
    const struct ipcq *q, const void *body, size_t len, long type, unsigned flags)
{
	uint64_t largest = 0;
	char *slot;
	int rc;

	rc = limits_sysv_message(&largest);
	if (rc < 0)
		return rc;
	if (len > largest)
		return -EMSGSIZE;
	slot = malloc(QUEUE_TYPE_BYTES + len);
	if (slot == NULL)
		return -ENOMEM;
	memcpy(slot, &type, QUEUE_TYPE_BYTES);
	memcpy(slot + QUEUE_TYPE_BYTES, body, len);
	rc = sysvq_send_slot(q, slot + QUEUE_TYPE_BYTES, len, flags);
	free(slot);
	return rc;
}

int
sysvq_send(
    const struct ipcq *q, const void *body, size_t len, int64_t type, unsigned flags)
{
	struct message msg;

	if (type < 1)
		return -EINVAL;
	if (len > sizeof(msg.body))
		return send_from_heap(q, body, len, type, flags);
	msg.type = type;
	if (len > 0) /* then body may be NULL */
		memcpy(msg.body, body, len);
	return sysvq_send_slot(q, msg.body, len, flags);
}

ssize_t
sysvq_receive_slot(
    const struct ipcq *q, void *body, size_t size, int64_t select, unsigned flags)
{
	int how = ((flags & IPCQ_NOWAIT) != 0 ? IPC_NOWAIT : 0) |
		  ((flags & IPCQ_EXCEPT) != 0 ? MSG_EXCEPT : 0);
	ssize_t len;

	len = msgrcv(q->handle, (char *)body - QUEUE_TYPE_BYTES, size, select, how);
	if (len >= 0)
		return len;
	return errno == ENOMSG ? -EAGAIN : -errno;
}

int
sysvq_wait(const struct ipcq *q, int64_t select, unsigned flags, int64_t *type_slot)
{
	int how = (flags & IPCQ_EXCEPT) != 0 ? MSG_EXCEPT : 0;

	/* No message with a body fits into 0 bytes: the kernel says so and keeps it. */
	if (msgrcv(q->handle, type_slot, 0, select, how) == 0)
		return 1;
	return errno == E2BIG ? 0 : -errno;
}
