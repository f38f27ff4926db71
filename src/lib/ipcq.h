/* ipcq: POSIX and System V message queues under one interface.
 *
 * Every function returns 0 or a count, or a negative errno, and writes results on
 * success only. The library prints nothing, keeps no global state, and starts no
 * thread. A handle may be used by several threads at once for sending and receiving;
 * opening and closing it is one thread's.
 *
 * Names: "posix:/orders" (mq_overview(7); opaque after the scheme, 1..255 bytes after
 * the slash, no further slash, no NUL), "sysv:0x4d51" or "sysv:19793" (a key but 0),
 * "sysv:/srv/app#7" (ftok(3): path and project id 1..255; the last # counts),
 * "sysv:id:42" (the id of an existing queue; 0 is valid).
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

#define IPCQ_URI_MAX 4096 /* bytes of a name with its NUL */

enum ipcq_kind { IPCQ_POSIX = 1, IPCQ_SYSV = 2 };

/* Flags of ipcq_open(): reading, writing or both, and how. */
#define IPCQ_READ      0x01u
#define IPCQ_WRITE     0x02u
#define IPCQ_CREATE    0x04u /* make it when it is not there */
#define IPCQ_EXCLUSIVE 0x08u /* with IPCQ_CREATE: -EEXIST when it is there */

struct ipcq; /* opaque */

/* How a queue is made. Zero or -1: the system's default. */
struct ipcq_create {
	uint64_t max_messages; /* POSIX: mq_maxmsg */
	uint64_t message_size; /* POSIX: mq_msgsize, bytes */
	uint64_t max_bytes;    /* System V: msg_qbytes */
	mode_t mode; /* permission bits, exact, 0: 0600; the umask is ignored */
	uid_t owner; /* (uid_t)-1: the caller */
	gid_t group; /* (gid_t)-1: the caller's */
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

/* Parse a name only: 0 and its kind; -EINVAL: not of a form above; -ENAMETOOLONG. */
int ipcq_parse(const char *uri, enum ipcq_kind *ret_kind);

/* Open, or with IPCQ_CREATE make, a queue. create may be NULL (defaults, mode 0600). A
 * queue that is there already, also one made by somebody else meanwhile, is opened and
 * keeps its attributes; making fails as a whole or not at all. *ret belongs to the
 * caller: ipcq_close(). Descriptors are close-on-exec and non-blocking; the handle's
 * calls wait by themselves. -ENOENT, -EEXIST, -EACCES, -EPERM, -EINVAL (name, or
 * attributes beyond the system's limits), -EMFILE, -ENOSPC (limits; see
 * ipcq_explain()), -ENFILE, -ENOMEM. mq_open(3), msgget(2), ftok(3). */
int ipcq_open(struct ipcq **ret, const char *uri, unsigned flags,
    const struct ipcq_create *create);
/* Closing never removes a queue. NULL is fine. */
void ipcq_close(struct ipcq *q);
/* Remove by name: mq_unlink(3), msgctl(2) IPC_RMID. */
int ipcq_remove(const char *uri);

enum ipcq_kind ipcq_kind(const struct ipcq *q);
const char *ipcq_uri(const struct ipcq *q); /* as opened; borrowed */
/* POSIX: the descriptor for poll(2) and epoll(7), borrowed; System V: -EOPNOTSUPP. */
int ipcq_fd(const struct ipcq *q);
/* System V: the id; POSIX: -EOPNOTSUPP. */
int ipcq_id(const struct ipcq *q);
/* Needs no permission to read. System V: -EIDRM when the queue is gone. */
int ipcq_attributes(const struct ipcq *q, struct ipcq_attributes *ret);

/* Flags of the calls below. */
#define IPCQ_NOWAIT 0x01u /* -EAGAIN instead of waiting */
#define IPCQ_EXCEPT 0x02u /* System V receive: any type but select */

/* Send len bytes with a POSIX priority (0..32767) or a System V type (>= 1). System V:
 * the body is copied, see ipcq_send_slot(). -EAGAIN (full), -EMSGSIZE (larger than
 * message_size: it can never be sent, also where msgsnd(2) says EINVAL or would wait
 * for ever), -EINVAL (priority or type out of range), -EIDRM (System V: the queue is
 * gone), -EINTR. mq_send(3), msgsnd(2). */
int ipcq_send(
    struct ipcq *q, const void *body, size_t len, int64_t type, unsigned flags);

/* The same without a copy: the 8 bytes right BEFORE body, which is 8-byte aligned, hold
 * the type (POSIX: their low half the priority) and are only read. One system call,
 * unless the queue is full. */
int ipcq_send_slot(struct ipcq *q, const void *body, size_t len, unsigned flags);

/* Receive into body, of size bytes, with the 8-byte type right BEFORE it, at body - 8:
 * the kernel writes in place. body is 8-byte aligned. POSIX writes the low 4 bytes of
 * the type only, which must be prepared; select is ignored there. Returns the length.
 * -EAGAIN (empty), -E2BIG (System V: the message is larger and stays), -EMSGSIZE
 * (POSIX: size is below message_size), -EIDRM (removed while waiting), -EINVAL (System
 * V: the id is gone), -EINTR. mq_receive(3), msgrcv(2). */
ssize_t ipcq_receive_slot(
    struct ipcq *q, void *body, size_t size, int64_t select, unsigned flags);

/* Wait for a message without taking one. System V only (POSIX: -EOPNOTSUPP, poll the
 * descriptor). 0: a message of that selection waits; 1: it had no body, was taken, and
 * *type_slot is its type (*type_slot is written only then; the kernel writes it
 * directly). Always blocks: ends early only by -EINTR (never retried here), -EIDRM,
 * -EINVAL, -EACCES. */
int ipcq_wait(struct ipcq *q, int64_t select, unsigned flags, int64_t *type_slot);

/* One sentence about a failure rc of opening or making uri: which limit was hit, its
 * value, what was asked for, and the exact sysctl or LimitMSGQUEUE= line that mends it;
 * for other failures what strerror(3) says. Into buf, which is returned. */
char *ipcq_explain(
    char *buf, size_t size, const char *uri, const struct ipcq_create *create, int rc);

#ifdef __cplusplus
}
#endif

#endif
