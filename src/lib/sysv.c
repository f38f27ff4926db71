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

#define INDEX_SMALL 0x7fffu /* msgctl(2): the low bits of an id are its index ... */
#define INDEX_LARGE                                                                    \
	0xffffffu /* ... and these with ipcmni_extend on the kernel's command line */

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

int
sysvq_status(struct msqid_ds *ret, int id)
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
attach_id(int id)
{
	struct msqid_ds ds = { 0 };
	int rc;

	rc = sysvq_status(&ds, id);
	if (rc == -EIDRM)
		return -ENOENT;
	return rc < 0 ? rc : id;
}

/* msgget(2) itself cannot set bytes, owner and group. */
static int
set_attributes(int id, const struct ipcq_create *create)
{
	struct msqid_ds ds = { 0 };

	if (create->max_bytes > INT_MAX) /* the kernel's own limits are of that type */
		return -EINVAL;
	if (msgctl(id, IPC_STAT, &ds) < 0)
		return -errno;
	if (create->max_bytes != 0)
		ds.msg_qbytes = create->max_bytes;
	if ((create->set & IPCQ_SET_OWNER) != 0)
		ds.msg_perm.uid = create->owner;
	if ((create->set & IPCQ_SET_GROUP) != 0)
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

int
sysvq_make(const struct uri *u, const struct ipcq_create *create)
{
	key_t key;
	int rc;

	if (u->form == URI_ID)
		return -EINVAL; /* the kernel chooses the id */
	if (u->form == URI_PRIVATE)
		return make(IPC_PRIVATE, create);
	rc = uri_key(&key, u);
	return rc < 0 ? rc : make(key, create);
}

int
sysvq_attach(const struct uri *u, unsigned flags)
{
	key_t key;
	int rc;
	int id;

	if (u->form == URI_ID)
		return attach_id(u->id);
	if (u->form == URI_PRIVATE)
		return -EINVAL; /* each has an id of its own */
	rc = uri_key(&key, u);
	if (rc < 0)
		return rc;
	id = msgget(key, access_mode(flags));
	return id < 0 ? -errno : id;
}

int
sysvq_remove(const struct uri *u)
{
	int id = u->id;
	key_t key;
	int rc;

	if (u->form == URI_PRIVATE)
		return -EINVAL; /* each has an id of its own */
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
	struct msqid_ds ds = { 0 };
	uint64_t largest = 0;
	int rc;

	rc = sysvq_status(&ds, q->handle);
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

/* The kernel writes all or nothing, so what is not to change is read first. */
int
sysvq_change(const struct ipcq *q, const struct ipcq_change *change)
{
	struct msqid_ds ds = { 0 };
	int rc;

	rc = sysvq_status(&ds, q->handle);
	if (rc < 0)
		return rc;
	if ((change->set & IPCQ_SET_OWNER) != 0)
		ds.msg_perm.uid = change->owner;
	if ((change->set & IPCQ_SET_GROUP) != 0)
		ds.msg_perm.gid = change->group;
	if ((change->set & IPCQ_SET_MODE) != 0)
		ds.msg_perm.mode = (unsigned short)change->mode;
	if ((change->set & IPCQ_SET_MAX_BYTES) != 0) {
		if (change->max_bytes > INT_MAX)
			return -EINVAL;
		ds.msg_qbytes = change->max_bytes;
	}
	if (msgctl(q->handle, IPC_SET, &ds) == 0)
		return 0;
	rc = -errno;
	/* The kernel says so of a queue that is gone and of an owner that does not exist. */
	if (rc == -EINVAL && sysvq_status(&ds, q->handle) == -EIDRM)
		return -EIDRM;
	return rc;
}
