/* The commands of ipcq, one row each; ipcq(1) describes them. */
#ifndef MQBRIDGE_TOOLS_IPCQ_COMMANDS_H
#define MQBRIDGE_TOOLS_IPCQ_COMMANDS_H

struct call_command;

extern const struct call_command create_command;
extern const struct call_command limits_command;
extern const struct call_command list_command;
extern const struct call_command notify_command;
extern const struct call_command peek_command;
extern const struct call_command receive_command;
extern const struct call_command remove_command;
extern const struct call_command send_command;
extern const struct call_command set_command;
extern const struct call_command stat_command;

#endif
