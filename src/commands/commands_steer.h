/* The commands of the control socket that steer: each as struct control_command wants it, with
 * its columns. */
#ifndef MQBRIDGE_COMMANDS_COMMANDS_STEER_H
#define MQBRIDGE_COMMANDS_COMMANDS_STEER_H

#include "control/command.h"

extern const struct control_column commands_pause_columns[];
int commands_pause(void *context, struct control_reply *reply);
int commands_resume(void *context, struct control_reply *reply);

extern const struct control_column commands_drain_columns[];
int commands_drain(void *context, struct control_reply *reply);

extern const struct control_column commands_purge_route_columns[];
int commands_purge_route(void *context, struct control_reply *reply);

extern const struct control_column commands_reconnect_columns[];
int commands_reconnect(void *context, struct control_reply *reply);

extern const struct control_column commands_send_columns[];
int commands_send(void *context, struct control_reply *reply);

extern const struct control_column commands_tap_columns[];
int commands_tap(void *context, struct control_reply *reply);
int commands_tap_bodies(void *context, struct control_reply *reply);

extern const struct control_column commands_wait_columns[];
int commands_wait_ready(void *context, struct control_reply *reply);
int commands_wait_connected(void *context, struct control_reply *reply);
int commands_wait_empty(void *context, struct control_reply *reply);
int commands_wait_settled(void *context, struct control_reply *reply);

extern const struct control_column commands_log_columns[];
int commands_log(void *context, struct control_reply *reply);
int commands_log_change(void *context, struct control_reply *reply);

#endif
