/* Of which user and which groups the process at the other end of a Unix socket is. */
#ifndef MQBRIDGE_BASE_CREDENTIALS_H
#define MQBRIDGE_BASE_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/compiler.h"

struct credentials_list { /* borrowed arrays */
	const uid_t *users;
	size_t n_users;
	const gid_t *groups;
	size_t n_groups;
};

/* Those of the process that connected fd, as they were then. Returns 0 or -errno. */
int credentials_read(struct ucred *ret, int fd) MUST_CHECK;
/* Is it root, or our own effective user? */
bool credentials_are_ours(const struct ucred *cred);
/* Is it one of the users, or a member of one of the groups? Its supplementary groups are
 * asked of fd; when they cannot be read, they are none. */
bool credentials_listed(
    int fd, const struct ucred *cred, const struct credentials_list *cl);

#endif
