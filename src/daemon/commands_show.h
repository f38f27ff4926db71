/* The commands that show what the daemon is and does. */
#ifndef MQBRIDGE_DAEMON_COMMANDS_SHOW_H
#define MQBRIDGE_DAEMON_COMMANDS_SHOW_H

#include <stdint.h>

#include "control/command.h"

/* commands_show.c */
extern const struct control_column show_status_columns[];
int show_status(void *context, struct control_reply *reply);
extern const struct control_column show_peers_columns[];
int show_peers(void *context, struct control_reply *reply);
extern const struct control_column show_version_columns[];
int show_version(void *context, struct control_reply *reply);

/* commands_queues.c */
extern const struct control_column show_queues_columns[];
int show_queues(void *context, struct control_reply *reply);

/* commands_routes.c */
extern const struct control_column show_routes_columns[];
int show_routes(void *context, struct control_reply *reply);

#endif
