/* What a handle needs once somebody is to be told of messages: the thread that waits at a
 * System V queue without taking, the descriptor it makes readable, and the registered
 * callbacks of both kinds. Made at the first need. Internal to the library. */
#ifndef MQBRIDGE_LIB_WATCH_H
#define MQBRIDGE_LIB_WATCH_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "base/compiler.h"
#include "lib/queue.h"

/* A registered callback and its thread, in the list of its watch until the callback has
 * ended. */
struct notice {
	struct notice *next;
	struct ipcq *q; /* NULL: closed by its own callback */
	pthread_t thread;
	ipcq_notify_fn *callback;
	void *arg;
	int socket; /* POSIX: the kernel's answer comes here; else -1 */
	enum { NOTICE_WAITING, NOTICE_FIRED, NOTICE_CANCELLED } state;
	bool cancelling; /* its callback is in watch_cancel() */
};

struct watch {
	pid_t pid; /* of the process whose threads these are */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* anything below */
	int fd;                 /* eventfd of ipcq_poll_fd(), or -1 */
	bool armed; /* fd is quiet: make it readable when a message is there */

	enum {
		WATCH_IDLE,
		WATCH_RUNNING,
		WATCH_FAILED
	} state;       /* the thread that waits */
	bool starting; /* somebody waits to hear whether it runs */
	bool ending;
	bool in_kernel; /* it waits now, or has not yet said what came of it */
	int signal;     /* that ends its wait ... */
	timer_t
	    timer; /* ... and what sends it, whatever RLIMIT_SIGPENDING says by then */
	pthread_t thread;
	unsigned receivers; /* calls that wait in the kernel themselves: it must not */

	int64_t slot; /* where the kernel puts the type of a message without a body */
	bool held;    /* such a message was taken, and nobody received it yet */
	int64_t held_type;

	struct notice *notices;
	struct notice *registered; /* one of them that still waits, or NULL */
	bool plain;                /* POSIX: registered without a callback */
};

/* That of q, made if need be: 0, -ENOMEM. */
int watch_get(struct watch **ret, struct ipcq *q) MUST_CHECK;
/* That of q if this process has made one, else NULL. */
struct watch *watch_of(struct ipcq *q);
/* Cancels what is registered and waits for callbacks, but for the caller. */
void watch_cancel(struct ipcq *q, struct watch *wa, bool closing);
/* Ends the thread, puts a held message back. No callback is left. */
void watch_free(struct ipcq *q);

/* With the lock held, which is given up meanwhile: 0, -EAGAIN (no thread), -ENOBUFS
 * (no signal to end it with). */
int watch_start_thread(struct ipcq *q, struct watch *wa) MUST_CHECK;
/* ipcq_receive() at a System V queue that is watched. */
ssize_t watch_receive(struct ipcq *q, void *buf, size_t size,
    const struct ipcq_options *options, struct ipcq_message *ret) MUST_CHECK;

/* ipcq_peek() and ipcq_attributes() of a System V queue: with the message that is held. */
ssize_t watch_peek(struct ipcq *q, void *buf, size_t size, uint64_t position,
    struct ipcq_message *ret) MUST_CHECK;
int watch_attributes(const struct ipcq *q, struct ipcq_attributes *ret) MUST_CHECK;

/* A thread that gets no signal but except (0: none at all); detached when ret is NULL.
 * 0 or -errno. */
int watch_create_thread(
    pthread_t *ret, int except, void *(*run)(void *arg), void *arg) MUST_CHECK;

#endif
