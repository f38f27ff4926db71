#include "lib/list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include "lib/limits.h"

#define FIRST_ROOM 16 /* rows */

struct ipcq_listed *
list_add(struct list *li)
{
	struct ipcq_listed *rows;
	size_t room;

	if (li->count == li->room) {
		room = li->room == 0 ? FIRST_ROOM : li->room * 2;
		rows = reallocarray(li->rows, room, sizeof(*rows));
		if (rows == NULL)
			return NULL;
		li->rows = rows;
		li->room = room;
	}
	memset(&li->rows[li->count], 0, sizeof(li->rows[0]));
	return &li->rows[li->count++];
}

static void
fill_sysv(struct ipcq_listed *row, int id, const struct msqid_ds *ds, uint64_t largest)
{
	row->known = IPCQ_KNOWN_DEPTH | IPCQ_KNOWN_LIMITS | IPCQ_KNOWN_BYTES |
		     IPCQ_KNOWN_PARTIES;
	row->attributes = (struct ipcq_attributes){
		.kind = IPCQ_SYSV,
		.messages = ds->msg_qnum,
		.bytes = ds->msg_cbytes,
		.message_size = largest < ds->msg_qbytes ? largest : ds->msg_qbytes,
		.max_bytes = ds->msg_qbytes,
		.mode = ds->msg_perm.mode & 0777,
		.owner = ds->msg_perm.uid,
		.group = ds->msg_perm.gid,
	};
	row->id = id;
	row->key = (uint32_t)ds->msg_perm.__key;
	row->last_sender = ds->msg_lspid;
	row->last_receiver = ds->msg_lrpid;
	row->last_send_s = ds->msg_stime;
	row->last_receive_s = ds->msg_rtime;
	row->last_change_s = ds->msg_ctime;
	if (row->key == 0)
		(void)snprintf(row->uri, sizeof(row->uri), "sysv:id:%d", id);
	else
		(void)snprintf(row->uri, sizeof(row->uri), "sysv:0x%x", row->key);
}

int
list_sysv(struct list *li)
{
	struct msginfo info;
	uint64_t largest = 0;
	int highest;
	int rc;

	rc = limits_sysv_message(&largest);
	if (rc < 0)
		return rc;
	highest = msgctl(0, MSG_INFO, (struct msqid_ds *)(void *)&info);
	if (highest < 0)
		return -errno;
	for (int i = 0; i <= highest; i++) {
		struct ipcq_listed *row;
		struct msqid_ds ds = { 0 };
		int id = msgctl(i, MSG_STAT_ANY, &ds);

		if (id < 0)
			continue; /* a gap */
		row = list_add(li);
		if (row == NULL)
			return -ENOMEM;
		fill_sysv(row, id, &ds, largest);
	}
	return 0;
}

static int
compare(const void *a, const void *b)
{
	const struct ipcq_listed *left = a;
	const struct ipcq_listed *right = b;

	return strcmp(left->uri, right->uri);
}

ssize_t
ipcq_list(struct ipcq_listed **ret, enum ipcq_kind kind)
{
	struct list li = { 0 };
	int rc;

	if (kind == IPCQ_POSIX)
		rc = list_posix(&li);
	else
		rc = kind == IPCQ_SYSV ? list_sysv(&li) : -EINVAL;
	if (rc < 0) {
		free(li.rows);
		return rc;
	}
	if (li.count > 0)
		qsort(li.rows, li.count, sizeof(li.rows[0]), compare);
	*ret = li.rows; /* NULL when there are none */
	return (ssize_t)li.count;
}

void
ipcq_list_free(struct ipcq_listed *list)
{
	free(list);
}
