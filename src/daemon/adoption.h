/* What of a new configuration is not the assembly's: the roles of the control socket, and the listener
 * for metrics. For struct reload_spec. */
#ifndef MQBRIDGE_DAEMON_ADOPTION_H
#define MQBRIDGE_DAEMON_ADOPTION_H

#include "base/compiler.h"
#include "control/roles.h"

struct activation;
struct conf;
struct control_server;
struct monitor;

struct adoption { /* borrowed: */
	struct control_server *control;
	struct monitor *monitor;
	struct activation *activation;
	struct control_roles roles; /* what is prepared */
};

/* owner: a struct adoption. */
int adoption_prepare(
    void *owner, const struct conf *conf, const char **ret_key) MUST_CHECK;
void adoption_commit(void *owner);
int adoption_try(void *owner, const struct conf *conf, const char **ret_key) MUST_CHECK;
void adoption_undo(void *owner);

#endif
