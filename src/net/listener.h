/* Listening sockets, TCP and Unix. What an accepted stranger may do until the handshake
 * is done is bounded by the owner of the connection; how many are accepted at once,
 * here. */
#ifndef MQBRIDGE_NET_LISTENER_H
#define MQBRIDGE_NET_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

struct address;
struct event_base;
struct listener; /* opaque; used by the loop's thread */

struct listener_ops {
	/* A connection: fd belongs to the callee, which tells by listener_done() when
	 * it is no stranger any more (handshake done, or closed). */
	void (*on_accept)(void *owner, int fd);
	/* A connection was not let in, or accepting pauses: why, in words. */
	void (*on_refuse)(void *owner, const char *why);
	/* What listener_listen() could not do was done later. NULL: nobody is told. */
	void (*on_listen)(void *owner);
};

struct listener_spec {
	/* Copied. The host is a number ("0.0.0.0", "::" for IPv6 alone) or "localhost",
	 * which is 127.0.0.1: a name could resolve to anything. */
	const struct address *address;
	/* Unix: mode of the socket file (never bent by the umask), and whose processes
	 * may connect (SO_PEERCRED, and SO_PEERGROUPS for supplementary groups); root
	 * and our own uid always may, others need to be listed. Arrays are borrowed
	 * until listener_close(). */
	mode_t mode;
	const uid_t *users;
	size_t n_users;
	const gid_t *groups;
	size_t n_groups;
	/* When that many accepted ones may not have said listener_done() yet, accepting
	 * pauses. */
	unsigned max_strangers;
	const struct listener_ops *ops; /* borrowed */
	void *owner;
};

/* Binds and listens: 0 or -errno; -EINVAL: the host is a name. On EMFILE and ENFILE
 * accepting pauses for a second. A Unix socket file left by a dead process is replaced
 * (connect answers ECONNREFUSED), a living one is -EADDRINUSE, another kind of file
 * -EEXIST. */
int listener_open(struct listener **ret, struct event_base *base,
    const struct listener_spec *spec) MUST_CHECK;
/* The same on a socket that listens already (passed by the service manager); takes over
 * fd. -EINVAL: it does not listen, or is of another kind than the address. Its file is
 * not ours. */
int listener_adopt(struct listener **ret, struct event_base *base, int fd,
    const struct listener_spec *spec) MUST_CHECK;
/* Unlinks its own Unix socket file; calls nothing any more; safe inside its own
 * callbacks. The memory goes on a later turn of the loop. NULL is fine. */
void listener_close(struct listener *ls);
/* Of a Unix socket: the mode of its file, if that is ours: 0 or -errno. And who may connect from now
 * on: users and groups of spec, borrowed as before. */
int listener_set_mode(struct listener *ls, mode_t mode) MUST_CHECK;
void listener_set_access(struct listener *ls, const struct listener_spec *spec);
/* Of TCP: listen no more, so that at an address that overlaps somebody else can, and on the same
 * socket again. Who has connected and was not accepted must come again. 0; or -errno, as when
 * somebody else listens there now: it is tried again every second. */
void listener_silence(struct listener *ls);
int listener_listen(struct listener *ls) MUST_CHECK;
uint64_t listener_silent_since_ms(const struct listener *ls); /* 0: it listens */
void listener_done(struct listener *ls); /* not after listener_close() */
/* TCP, as bound (for port 0 in tests). */
uint16_t listener_port(const struct listener *ls);

#endif
