/* Who may use which command: viewers are all who can connect, operators and admins are
 * configured users and groups. Root and our own user are admins. No libevent. */
#ifndef MQBRIDGE_CONTROL_ROLES_H
#define MQBRIDGE_CONTROL_ROLES_H

#include "base/compiler.h"
#include "base/credentials.h"
#include "control/command.h"

struct control_roles {
	struct credentials_list operators;
	struct credentials_list admins;
	void *copied; /* roles_copy()'s memory of both, or NULL */
};

/* A copy of from, which may be NULL: none are configured; roles_done() frees it. Returns 0 or
 * -ENOMEM. */
int roles_copy(struct control_roles *ret, const struct control_roles *from) MUST_CHECK;
void roles_done(struct control_roles *ro); /* all 0 is fine, and what it leaves */

/* Who connected fd, a Unix socket. Returns 0 or -errno. */
int roles_identify(
    struct control_caller *ret, const struct control_roles *ro, int fd) MUST_CHECK;

const char *roles_name(enum control_role role); /* "viewer", ... */
/* Why the caller may not use the command of those words, for which that role is needed, as a
 * line; it is cut at size. */
void roles_explain(char *why, size_t size, const char *words, enum control_role role,
    const struct control_caller *caller);

#endif
