/* ipcq: POSIX and System V message queues under one interface.
 *
 * Every function returns 0 or a count, or a negative errno, and writes results on
 * success only, unless it says otherwise. The library prints nothing and keeps no
 * global state; only ipcq_poll_fd() and the callback form of ipcq_notify() start a
 * thread.
 *
 * Threads: "safe" means any number of threads at once on one handle (or on none); "one
 * thread" means that nobody else uses that handle meanwhile. A child of fork(2) may go
 * on with the handles of its parent; threads and notifications stay with the parent.
 *
 * Signals: calls that wait go on after a signal handler, with the time that is left,
 * unless they were told IPCQ_INTERRUPTIBLE; the slot calls and ipcq_wait() never go on.
 *
 * What only one kind of queue can do is -EOPNOTSUPP for the other; ipcq(3) has the
 * table.
 *
 * Errors, told apart: -EINVAL a value is not possible (ipcq_explain() says which
 * limit); -EACCES, -EPERM no permission; -EMFILE, -ENFILE, -ENOSPC, -ENOMEM, -ENOBUFS
 * no system resources; -EBADF the handle was not opened for that; -EINTR interrupted;
 * -EMSGSIZE too big to send; -E2BIG the buffer is too small, and the message stays;
 * -EAGAIN would wait; -ETIMEDOUT waited in vain; -ENOENT no such queue; -EEXIST there
 * is one already; -EIDRM removed, also while waiting; -EBUSY somebody else is
 * registered. ipcq_reason() has one word for each.
 *
 * Names: "posix:/orders" (mq_overview(7); opaque after the scheme, 1..255 bytes after
 * the slash, no further slash, no NUL), "sysv:0x4d51" or "sysv:19793" (a key but 0),
 * "sysv:/srv/app#7" (ftok(3): path and project id 1..255; the last # counts),
 * "sysv:id:42" (the id of an existing queue; 0 is valid), IPCQ_PRIVATE.
 *
 * Compiles as C11 and as C++11. */
#ifndef IPCQ_H
#define IPCQ_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IPCQ_URI_MAX      4096  /* bytes of a name with its NUL */
#define IPCQ_PRIORITY_MAX 32767 /* of POSIX; mq_overview(7) */

/* With IPCQ_CREATE: a new System V queue without a key (IPC_PRIVATE, msgget(2)) each
 * time it is opened. ipcq_uri() is then its "sysv:id:N", by which others can open or
 * remove it. */
#define IPCQ_PRIVATE "sysv:private"

enum ipcq_kind { IPCQ_POSIX = 1, IPCQ_SYSV = 2 };

/* Flags of ipcq_open(): reading, writing or both, and how. */
#define IPCQ_READ      0x01u
#define IPCQ_WRITE     0x02u
#define IPCQ_CREATE    0x04u /* make it when it is not there */
#define IPCQ_EXCLUSIVE 0x08u /* with IPCQ_CREATE: -EEXIST when it is there */
#define IPCQ_NONBLOCK  0x10u /* as ipcq_set_blocking(q, 0) */

struct ipcq; /* opaque */

/* Which members of struct ipcq_create and struct ipcq_change count. */
#define IPCQ_SET_OWNER     0x01u
#define IPCQ_SET_GROUP     0x02u
#define IPCQ_SET_MODE      0x04u
#define IPCQ_SET_MAX_BYTES 0x08u /* ipcq_change() only */

/* How a queue is made. All zero: as the system presets it, mode 0600, the caller's. */
struct ipcq_create {
	unsigned set;          /* IPCQ_SET_MODE, IPCQ_SET_OWNER, IPCQ_SET_GROUP */
	uint64_t max_messages; /* POSIX: mq_maxmsg; 0: fs.mqueue.msg_default */
	uint64_t message_size; /* POSIX: bytes; 0: fs.mqueue.msgsize_default */
	uint64_t max_bytes;    /* System V: msg_qbytes; 0: kernel.msgmnb */
	mode_t mode; /* when set: permission bits, exact; the umask is ignored */
	uid_t owner; /* when set */
	gid_t group; /* when set */
};

struct ipcq_attributes {
	enum ipcq_kind kind;
	uint64_t messages;     /* waiting now */
	uint64_t bytes;        /* waiting now; System V only, 0 for POSIX */
	uint64_t max_messages; /* POSIX: mq_maxmsg; System V: 0 */
	uint64_t
	    message_size;   /* the largest body: mq_msgsize; min(msgmax, max_bytes) */
	uint64_t max_bytes; /* System V: msg_qbytes; POSIX: the product of the two */
	mode_t mode;
	uid_t owner;
	gid_t group;
	int removed; /* POSIX: the name is gone, this handle alone keeps the queue */
};

/* ---- names, opening, closing, removing: ipcq_open(3) ---------------------------- */

/* Parse a name only: 0 and its kind; -EINVAL: not of a form above; -ENAMETOOLONG.
 * Safe. */
int ipcq_parse(const char *uri, enum ipcq_kind *ret_kind);

/* Open, or with IPCQ_CREATE make, a queue. create may be NULL (defaults of /proc/sys,
 * mode 0600). A queue that is there already, also one made by somebody else meanwhile,
 * is opened and keeps its attributes; making fails as a whole or not at all. *ret
 * belongs to the caller: ipcq_close(). Descriptors are close-on-exec and non-blocking;
 * the handle's calls wait by themselves. uri and create are copied. -ENOENT, -EEXIST,
 * -EACCES, -EPERM, -EINVAL (name, or attributes beyond the system's limits), -EMFILE,
 * -ENOSPC (limits; see ipcq_explain()), -ENFILE, -ENOMEM. mq_open(3), msgget(2),
 * ftok(3). Safe. */
int ipcq_open(struct ipcq **ret, const char *uri, unsigned flags,
    const struct ipcq_create *create);

/* Closing never removes a queue. A notification of this handle is cancelled, its thread
 * and that of ipcq_poll_fd() are ended; a running callback is waited for, unless it is
 * the caller. NULL is fine. One thread. */
void ipcq_close(struct ipcq *q);

/* Remove by name: mq_unlink(3), msgctl(2) IPC_RMID. POSIX: who has the queue open keeps
 * it. System V: who waits there gets -EIDRM. -ENOENT, -EACCES, -EPERM, -EINVAL. Safe.
 * */
int ipcq_remove(const char *uri);

/* ---- what a handle is: ipcq_attributes(3) ---------------------------------------- */

/* All of these are safe. */
enum ipcq_kind ipcq_kind(const struct ipcq *q);
/* As opened (IPCQ_PRIVATE: by its id); borrowed until ipcq_close(). */
const char *ipcq_uri(const struct ipcq *q);
/* The flags of ipcq_open(), without IPCQ_NONBLOCK, which ipcq_blocking() tells. */
unsigned ipcq_flags(const struct ipcq *q);
/* POSIX: the descriptor for poll(2) and epoll(7), borrowed; System V: -EOPNOTSUPP, see
 * ipcq_poll_fd(). */
int ipcq_fd(const struct ipcq *q);
/* System V: the id; POSIX: -EOPNOTSUPP. */
int ipcq_id(const struct ipcq *q);
/* 1: calls that say nothing else wait; 0: they answer -EAGAIN. */
int ipcq_blocking(const struct ipcq *q);
/* Of this handle only, not of others that share the descriptor. Calls that wait already
 * go on waiting. */
void ipcq_set_blocking(struct ipcq *q, int blocking);
/* Needs no permission to read. System V: -EIDRM when the queue is gone; what the thread
 * of ipcq_poll_fd() keeps in this handle counts as waiting. mq_getattr(3), msgctl(2).
 * */
int ipcq_attributes(const struct ipcq *q, struct ipcq_attributes *ret);
/* The messages waiting now, or -errno as ipcq_attributes(). */
int64_t ipcq_size(const struct ipcq *q);

/* What ipcq_change() is to change: members whose IPCQ_SET_* is in set; the rest
 * stays. */
struct ipcq_change {
	unsigned set;
	uid_t owner;
	gid_t group;
	mode_t mode;        /* permission bits */
	uint64_t max_bytes; /* System V: msg_qbytes */
};

/* Change owner, group, mode and bytes, all or none of them. -EPERM (not the owner, or
 * more bytes than kernel.msgmnb without CAP_SYS_RESOURCE), -EINVAL (also an owner or
 * group that this user namespace does not have, as -1 is), -EIDRM; -EOPNOTSUPP: bytes
 * of a POSIX queue, whose limits are fixed when it is made. fchown(2), fchmod(2),
 * msgctl(2) IPC_SET. Safe; of two changes at once one may be lost. */
int ipcq_change(struct ipcq *q, const struct ipcq_change *change);

/* ---- sending and receiving: ipcq_send(3), ipcq_receive(3) ------------------------ */

/* Flags of the calls below. */
#define IPCQ_NOWAIT        0x01u /* -EAGAIN instead of waiting */
#define IPCQ_EXCEPT        0x02u /* System V receive: any type but select */
#define IPCQ_TRUNCATE      0x04u /* System V receive: what does not fit is cut off */
#define IPCQ_INTERRUPTIBLE 0x08u /* -EINTR when a signal handler ran while waiting */
#define IPCQ_TIMED         0x10u /* timeout_ns counts: -ETIMEDOUT */
#define IPCQ_HEADROOM      0x20u /* send: IPCQ_HEAD bytes before the body are lent */

/* How a call chooses and waits. NULL stands for all zero: the first message, waiting as
 * ipcq_set_blocking() says. */
struct ipcq_options {
	unsigned flags;
	/* With IPCQ_TIMED: nanoseconds of CLOCK_MONOTONIC from now on, so that setting the
	 * wall clock changes nothing. 0: try once, and -ETIMEDOUT. Wins over
	 * ipcq_set_blocking(); IPCQ_NOWAIT wins over it. */
	uint64_t timeout_ns;
	/* System V receive: 0 the first message, > 0 the first of that type (with
	 * IPCQ_EXCEPT of any other type), < 0 the first of the lowest type up to its
	 * absolute value. POSIX: 0. */
	int64_t select;
};

/* Bytes that the buffer of ipcq_receive() and ipcq_peek() needs beyond the body. */
#define IPCQ_HEAD 8

/* A message received: in the caller's buffer. */
struct ipcq_message {
	void *body;    /* borrowed: points into the buffer, at its byte IPCQ_HEAD */
	size_t length; /* bytes of the body */
	int64_t type;  /* System V: its type; POSIX: its priority */
};

/* Send len bytes with a POSIX priority (0..32767, highest first out) or a System V
 * type (>= 1); flags: IPCQ_NOWAIT, IPCQ_INTERRUPTIBLE, IPCQ_HEADROOM. body may be
 * NULL when len is 0. One system call, unless the queue is full.
 *
 * POSIX copies nothing. System V: msgsnd(2) wants the type right before the body.
 * With IPCQ_HEADROOM the IPCQ_HEAD bytes right before body, which then is not NULL,
 * are the caller's too and may be written to, whatever the kind: the type is put
 * there and nothing is copied. Without it the body is copied once in the caller's
 * place. A body that ipcq_receive() gave can be sent on with it.
 *
 * -EAGAIN (full), -EMSGSIZE (larger than message_size: it can never be sent, also
 * where msgsnd(2) says EINVAL or would wait for ever), -EINVAL (priority, type or
 * flags out of range, IPCQ_HEADROOM before NULL), -EBADF (not opened with
 * IPCQ_WRITE), -EACCES (System V), -EIDRM (System V: the queue is gone), -EINTR,
 * -ENOMEM. mq_send(3), msgsnd(2). Safe. */
int ipcq_send(
    struct ipcq *q, const void *body, size_t len, int64_t type, unsigned flags);

/* The same with options, of which select must be 0: for a timeout. IPCQ_HEADROOM is
 * one of their flags.
 *
 * A System V call that has to wait with a timeout needs a signal, because nothing
 * else ends a waiting msgsnd(2) or msgrcv(2) so that it is known whether it did its
 * work: the highest real-time signal whose action is still the default gets an empty
 * handler, which stays, and a timer sends it to the calling thread alone, at the end
 * of the time. No thread is started, nothing polls, nobody else sees the signal.
 * -ENOBUFS: all real-time signals are in use, or RLIMIT_SIGPENDING allows no timer.
 * POSIX: poll(2). Safe.
 *
 * A signal that the calling thread blocks is not chosen while there is another, as it
 * may be one that the program takes by sigwaitinfo(2) or signalfd(2): so block those
 * before the first such call, ipcq_poll_fd() or ipcq_notify(). Should the program set
 * the signal back to SIG_DFL or SIG_IGN later, the library sets its handler again
 * when it needs it. */
int ipcq_send_with(struct ipcq *q, const void *body, size_t len, int64_t type,
    const struct ipcq_options *options);

/* Receive one message into buf, of size bytes: IPCQ_HEAD and the largest body that may
 * come (message_size of ipcq_attributes(); POSIX takes no less). buf needs no
 * alignment. One system call and no copy, unless it has to wait. Returns the length.
 *
 * -E2BIG: the buffer is too small; the message stays in the queue, and ret->length (no
 * other member) is then the length of the body that size - IPCQ_HEAD must hold. System
 * V: that of the message as it was a moment later, or, when the kernel cannot peek
 * (CONFIG_CHECKPOINT_RESTORE), the largest possible. POSIX: message_size. -EAGAIN
 * (empty), -ETIMEDOUT, -EINTR, -EBADF (not opened with IPCQ_READ), -EACCES, -EIDRM
 * (System V: removed, also while waiting), -EINVAL (flags, size below IPCQ_HEAD),
 * -EOPNOTSUPP (POSIX: select, IPCQ_EXCEPT, IPCQ_TRUNCATE), -ENOBUFS as
 * ipcq_send_with(). mq_receive(3), msgrcv(2). Safe. */
ssize_t ipcq_receive(struct ipcq *q, void *buf, size_t size,
    const struct ipcq_options *options, struct ipcq_message *ret);

/* Look at the message at a position, 0 the oldest, and leave it; what the thread of
 * ipcq_poll_fd() keeps in this handle is the oldest. Never waits. Buffer,
 * result and -E2BIG as ipcq_receive(). -EAGAIN: there are not so many messages; POSIX:
 * -EOPNOTSUPP; -ENOSYS: a kernel without CONFIG_CHECKPOINT_RESTORE. msgrcv(2) MSG_COPY.
 * Safe. */
ssize_t ipcq_peek(struct ipcq *q, void *buf, size_t size, uint64_t position,
    struct ipcq_message *ret);

/* A body of any length, and how far it was sent. Set the first three, zero the rest. */
struct ipcq_batch {
	const void *body; /* borrowed */
	size_t length;
	int64_t type;           /* or priority, of every piece */
	size_t sent_bytes;      /* of body: exactly what is in the queue by now */
	uint64_t sent_messages; /* the pieces of it */
};

/* Send a body in pieces of message_size, the last one shorter; one without bytes is one
 * message without a body. The account in batch is written on failure too and always
 * exact: the same call again goes on where this one stopped. options as
 * ipcq_send_with(), but for IPCQ_HEADROOM (-EINVAL: pieces have none), and the timeout
 * is that of all pieces together. Returns 0 when all is sent, or the errors of
 * ipcq_send_with() and ipcq_attributes(). Pieces of other senders may stand between.
 * Safe, for batches of each thread's own. */
int ipcq_send_all(
    struct ipcq *q, struct ipcq_batch *batch, const struct ipcq_options *options);

/* ---- the slot calls, for programs that count copies: ipcq_slot(3) ---------------- */

/* ipcq_send() without a copy: the 8 bytes right BEFORE body, which is 8-byte aligned,
 * hold the type (POSIX: their low half the priority) and are only read. One system
 * call, unless the queue is full. flags: IPCQ_NOWAIT; the handle's blocking mode is not
 * asked. -EINTR is never retried. Safe. */
int ipcq_send_slot(struct ipcq *q, const void *body, size_t len, unsigned flags);

/* Receive into body, of size bytes, with the 8-byte type right BEFORE it, at body - 8:
 * the kernel writes in place. body is 8-byte aligned. POSIX writes the low 4 bytes of
 * the type only, which must be prepared; select is ignored there. flags: IPCQ_NOWAIT,
 * IPCQ_EXCEPT; the handle's blocking mode is not asked. Returns the length. -EAGAIN
 * (empty), -E2BIG (System V: the message is larger and stays), -EMSGSIZE (POSIX: size
 * is below message_size), -EIDRM (removed while waiting), -EINVAL (System V: the id is
 * gone), -EINTR. Not for handles with ipcq_poll_fd(). mq_receive(3), msgrcv(2). Safe.
 * */
ssize_t ipcq_receive_slot(
    struct ipcq *q, void *body, size_t size, int64_t select, unsigned flags);

/* Wait for a message without taking one. System V only (POSIX: -EOPNOTSUPP, poll the
 * descriptor). 0: a message of that selection waits; 1: it had no body, was taken, and
 * *type_slot is its type (*type_slot is written only then; the kernel writes it
 * directly). Always blocks: ends early only by -EINTR (never retried here), -EIDRM,
 * -EINVAL, -EACCES. Safe. */
int ipcq_wait(struct ipcq *q, int64_t select, unsigned flags, int64_t *type_slot);

/* ---- waiting elsewhere: ipcq_notify(3) ------------------------------------------- */

/* One descriptor to poll(2) for reading (POLLIN), borrowed until ipcq_close().
 *
 * POSIX: that of ipcq_fd(). System V: of a thread, STARTED by the first call, that
 * waits without taking. The descriptor is readable from when a message is there until
 * ipcq_receive() on this handle answered -EAGAIN (or -ETIMEDOUT): so receive with
 * IPCQ_NOWAIT until then. It is readable too when the queue is gone: ipcq_receive()
 * then says -EIDRM. Only a message WITHOUT A BODY cannot be waited for without
 * taking: the thread keeps it in the handle, ipcq_receive() on this handle gives it
 * out in its turn, ipcq_peek() and ipcq_attributes() on this handle see it, for
 * others it is not there, and ipcq_close() puts it back; a process that is killed
 * meanwhile takes it along. While a call of this handle waits in ipcq_receive() the
 * thread does not. Needs IPCQ_READ (-EBADF). -EMFILE, -ENFILE, -ENOMEM, -EAGAIN (no
 * thread), -ENOBUFS (no signal or timer to end the wait with, as ipcq_send_with()).
 * In the child of fork(2) the first call starts a thread and a descriptor of its own.
 * Safe. */
int ipcq_poll_fd(struct ipcq *q);

/* Called in a thread of its own, with all signals blocked. It may call anything on q,
 * ipcq_notify() to register again and ipcq_close() included. */
typedef void ipcq_notify_fn(struct ipcq *q, void *arg);

enum ipcq_notify_how {
	IPCQ_NOTIFY_NONE = 1,     /* POSIX: registered, and nothing happens */
	IPCQ_NOTIFY_SIGNAL = 2,   /* POSIX: signal to this process, value in si_value */
	IPCQ_NOTIFY_CALLBACK = 3, /* callback(q, arg) in a thread that is STARTED */
};

struct ipcq_notification {
	enum ipcq_notify_how how;
	int signal;               /* IPCQ_NOTIFY_SIGNAL */
	void *arg;                /* sigval of the signal, argument of the callback */
	ipcq_notify_fn *callback; /* IPCQ_NOTIFY_CALLBACK */
};

/* Be told once when a message arrives at the empty queue. Register again to be told
 * again; inside of the callback is the right place, before receiving until -EAGAIN.
 *
 * POSIX: mq_notify(3), one registrant of all processes: -EBUSY. A receiver that waits
 * gets the message without a notification. Where RLIMIT_SIGPENDING is used up when the
 * message comes, a signal comes without its value, and a real-time signal not at all
 * (the registration has ended even so); a callback needs no signal. Closing any
 * descriptor of that queue in this process drops the registration (the callback then
 * never comes), and so do ipcq_list(), ipcq_limits() with IPCQ_LIMITS_CHARGED, and
 * ipcq_explain() about that queue. System V: the callback only (-EOPNOTSUPP); the
 * kernel has no such thing, so a thread waits without taking. One registrant per
 * handle: -EBUSY. The callback comes at once when messages wait already, as nothing
 * tells when a System V queue gets empty, and also when the queue is removed:
 * ipcq_receive() and registering again then say -EIDRM. Messages without a body as
 * ipcq_poll_fd(). -EINVAL, -EBADF, -ENOMEM, -EAGAIN (no thread), -ENOBUFS. Safe. */
int ipcq_notify(struct ipcq *q, const struct ipcq_notification *what);

/* Cancel the registration of this handle; a running callback is waited for, unless it
 * is the caller, so that none runs after this. A callback that cancels does not wait
 * for another one that cancels or closes just then too. 0 also when there is none.
 * Safe. */
int ipcq_notify_cancel(struct ipcq *q);

/* ---- all queues, limits, explanations: ipcq_list(3) ------------------------------ */

#define IPCQ_LISTED_URI 272 /* bytes of a name in a list with its NUL */

/* What ipcq_list() could learn. What a bit is missing for is 0. */
#define IPCQ_KNOWN_DEPTH   0x01u /* messages; needs the right to read at POSIX */
#define IPCQ_KNOWN_LIMITS  0x02u /* max_messages, message_size, max_bytes; the same */
#define IPCQ_KNOWN_BYTES   0x04u /* bytes */
#define IPCQ_KNOWN_PARTIES 0x08u /* last sender and receiver, times; System V */
#define IPCQ_KNOWN_NOTIFY  0x10u /* notify_pid; POSIX, needs the right to read */

struct ipcq_listed {
	char uri[IPCQ_LISTED_URI]; /* "posix:/NAME", "sysv:0xKEY" or "sysv:id:ID" */
	unsigned known;
	struct ipcq_attributes attributes; /* owner, group and mode always */
	int id;                            /* System V */
	uint32_t key;                      /* System V; 0: private */
	pid_t last_sender;                 /* 0: none so far */
	pid_t last_receiver;               /* 0: none so far */
	pid_t notify_pid;                  /* POSIX: who is registered; 0: nobody */
	int64_t last_send_s;               /* seconds since 1970; 0: never */
	int64_t last_receive_s;            /* the same */
	int64_t last_change_s;             /* the same */
};

/* All queues of that kind in this IPC namespace, sorted by name. *ret belongs to the
 * caller: ipcq_list_free(). POSIX: ends notifications that this process has registered,
 * see ipcq_notify(). Returns how many. System V: msgctl(2) MSG_STAT_ANY, no
 * permission needed. POSIX: the mqueue file system, a private instance of it where that
 * is permitted (CAP_SYS_ADMIN, fsmount(2)), else the one mounted at /dev/mqueue, which
 * must be of this namespace (when it is empty a queue is made for a moment to see that,
 * and what refuses it is the answer); -EOPNOTSUPP where there is none (mount -t mqueue
 * none /dev/mqueue). Queues that come and go meanwhile may be missing. -ENOMEM,
 * -EMFILE, -EACCES. Safe. */
ssize_t ipcq_list(struct ipcq_listed **ret, enum ipcq_kind kind);
void ipcq_list_free(struct ipcq_listed *list); /* NULL is fine */

#define IPCQ_LIMITS 9 /* rows that ipcq_limits() writes */

struct ipcq_limit {
	const char *name; /* "fs.mqueue.msg_max", "RLIMIT_MSGQUEUE"; static */
	const char *what; /* what it limits, in words; static */
	uint64_t value;   /* UINT64_MAX: unlimited */
	uint64_t used; /* of it by now; UINT64_MAX: not known, or nothing is counted */
	enum ipcq_kind kind;
	int bytes;       /* the unit is bytes, otherwise pieces */
	char raise[160]; /* the exact line that doubles it; "" when it cannot grow */
};

/* Flags of ipcq_limits(). */
#define IPCQ_LIMITS_CHARGED 0x01u /* count what is used of RLIMIT_MSGQUEUE */

/* The limits of this IPC namespace and of this user, into rows of IPCQ_LIMITS
 * elements, in a fixed order: fs.mqueue.queues_max, msg_max, msgsize_max,
 * msg_default, msgsize_default, RLIMIT_MSGQUEUE, kernel.msgmni, msgmax, msgmnb. With
 * IPCQ_LIMITS_CHARGED used of RLIMIT_MSGQUEUE is what the queues that this user owns
 * in this namespace count as; the kernel counts those of all namespaces together and
 * by who made them. All POSIX queues are opened for that, which ends notifications
 * that this process has registered, see ipcq_notify(); without the flag nothing is.
 * Returns how many were written, a limit that cannot be read is left out; -EINVAL:
 * flags. Safe. */
int ipcq_limits(struct ipcq_limit *rows, unsigned flags);

enum ipcq_reason {
	IPCQ_DONE = 0,      /* rc >= 0 */
	IPCQ_INVALID,       /* -EINVAL, -ENAMETOOLONG and what is not below */
	IPCQ_NOT_PERMITTED, /* -EACCES, -EPERM */
	IPCQ_NO_RESOURCES,  /* -EMFILE, -ENFILE, -ENOSPC, -ENOMEM, -ENOBUFS */
	IPCQ_BAD_HANDLE,    /* -EBADF */
	IPCQ_INTERRUPTED,   /* -EINTR */
	IPCQ_TOO_BIG,       /* -EMSGSIZE, -E2BIG */
	IPCQ_WOULD_WAIT,    /* -EAGAIN */
	IPCQ_TIMED_OUT,     /* -ETIMEDOUT */
	IPCQ_NOT_THERE,     /* -ENOENT */
	IPCQ_THERE_ALREADY, /* -EEXIST */
	IPCQ_REMOVED,       /* -EIDRM */
	IPCQ_BUSY,          /* -EBUSY */
	IPCQ_NOT_SUPPORTED, /* -EOPNOTSUPP, -ENOSYS */
};

/* The class of an error. Safe. */
enum ipcq_reason ipcq_reason(int rc);

/* One sentence about a failure rc of opening or making uri, of sending or receiving:
 * which limit was hit, its value, what was asked for, and the exact sysctl or
 * LimitMSGQUEUE= line that mends it; for other failures what strerror(3) says.
 * -EAGAIN, -ETIMEDOUT, -EMSGSIZE and -E2BIG: the queue is opened by its name to see
 * how full and how large it is by now, which at a POSIX queue ends a notification
 * that this process has registered. create is what the queue was to be made with, or
 * NULL. Into buf, which is returned. Safe. */
char *ipcq_explain(
    char *buf, size_t size, const char *uri, const struct ipcq_create *create, int rc);

#ifdef __cplusplus
}
#endif

#endif
