/* Sockets that the service manager holds for us: those of its socket units, and those that we
 * gave it to keep, so that no attempt to connect is lost while the service restarts or crashes.
 * They are told apart by the names in LISTEN_FDNAMES alone:
 *
 *   control            the control socket           } FileDescriptorName= of a socket unit
 *   listener...        a listener                   }
 *   metrics            of metrics                   }
 *   kept-control, kept-listener-ADDRESS, kept-metrics-ADDRESS   ours
 *
 * and which listener it is by the address to which it is bound. The file of a Unix socket is never
 * unlinked here or by who takes the socket, but by activation_forget(). Used by one thread. */
#ifndef MQBRIDGE_SERVICE_ACTIVATION_H
#define MQBRIDGE_SERVICE_ACTIVATION_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/compiler.h"

struct activation; /* opaque */
struct address;

enum activation_kind {
	ACTIVATION_NONE,
	ACTIVATION_CONTROL,
	ACTIVATION_LISTENER,
	ACTIVATION_METRICS,
};

/* Of a Unix socket that is made here. */
struct activation_file {
	mode_t mode;
	const gid_t *group; /* NULL: ours */
};

#define ACTIVATION_FIRST_FD 3 /* sd_listen_fds(3) */

/* What LISTEN_FDS and so on tell of the descriptors from first_fd on; they are removed from the
 * environment. 0 or -ENOMEM. */
int activation_new(struct activation **ret, int first_fd) MUST_CHECK;
void activation_free(struct activation *at); /* closes what nobody took; NULL is fine */

/* The socket that was passed for that address, listening; it belongs to the caller. -ENOENT: none. */
int activation_take(struct activation *at, enum activation_kind kind,
    const struct address *ad) MUST_CHECK;

/* The same; else the one that was kept, else a new one, which is given to the service manager
 * to keep. -ENOENT: there is no service manager (or at is NULL), and the caller makes its own;
 * else -errno as listener_open() and control_socket_open(). */
int activation_listen(struct activation *at, enum activation_kind kind,
    const struct address *ad, const struct activation_file *file) MUST_CHECK;

/* Did a socket unit pass the one that listens there? Then nobody else can listen at an address that
 * overlaps, whatever is done with it. */
bool activation_is_passed(
    const struct activation *at, enum activation_kind kind, const struct address *ad);

/* The control socket at path, of that group (NULL: ours), in the same way. */
int activation_control(
    struct activation *at, const char *path, const gid_t *group) MUST_CHECK;

/* All was taken that the configuration names. What was kept and is left is given up; for each
 * that a socket unit passed and is left, its fault is logged. Returns the number of those. */
unsigned activation_finish(struct activation *at) MUST_CHECK;

/* Nobody listens there any more: what was closed is kept no longer. That a socket unit still does is
 * logged; its socket is there to be taken again. */
void activation_forget(
    struct activation *at, enum activation_kind kind, const struct address *ad);

#endif
