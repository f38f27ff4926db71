/* A queue as any program uses it: mq_open(3), msgget(2) and the plain blocking calls. */
#ifndef TOOLS_QUEUE_H
#define TOOLS_QUEUE_H

#include <mqueue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum queue_use {
	QUEUE_WRITE,
	QUEUE_READ,
	QUEUE_POLL, /* read without waiting: EAGAIN (POSIX) or ENOMSG (System V) */
};

struct queue {
	bool sysv;
	bool nowait;
	mqd_t mq;
	int id;
	long messages; /* POSIX: that it holds at most */
	size_t size;   /* bytes of the largest body, as the queue or the system says */
	struct {
		long type;
		unsigned char body[];
	} * buffer; /* one message; of size bytes */
};

/* name: "posix:/name" or "sysv:0xKEY". Exits with a message on failure. */
void queue_create(const char *name, long max_messages, long message_size);
/* Opens, waiting up to 10 seconds for a queue that is not there yet. */
void queue_open(struct queue *q, const char *name, enum queue_use use);
void queue_close(struct queue *q);

void queue_remove(const char *name);
uint64_t queue_waiting(const struct queue *q); /* messages in it now */
void queue_set_nowait(struct queue *q);        /* as if opened with QUEUE_POLL */

/* Send q->buffer->body: 0, or -1 and errno. */
int queue_send(struct queue *q, size_t length, int64_t type);
/* Receive into q->buffer: the length, or -1 and errno. select: msgrcv(2)'s msgtyp. */
ssize_t queue_receive(struct queue *q, long select);

#endif
