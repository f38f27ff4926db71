/* The commands that show what the daemon is and does. */
#ifndef MQBRIDGE_COMMANDS_COMMANDS_SHOW_H
#define MQBRIDGE_COMMANDS_COMMANDS_SHOW_H

#include <stdint.h>

#include "control/command.h"

struct item;
struct numbers_health;

/* State, reason, host, detail, mend and since_s of any object. */
void show_health(struct item *it, const struct numbers_health *health);

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

/* commands_route.c */
extern const struct control_column show_route_columns[];
int show_route(void *context, struct control_reply *reply);

/* commands_explain.c */
extern const struct control_column explain_columns[];
int explain(void *context, struct control_reply *reply);

/* commands_store.c */
extern const struct control_column show_spool_columns[];
int show_spool(void *context, struct control_reply *reply);
extern const struct control_column show_limits_columns[];
int show_limits(void *context, struct control_reply *reply);

/* commands_config.c */
extern const struct control_column show_config_columns[];
int show_config(void *context, struct control_reply *reply);

#endif
