/* Who may use the control socket for what, and the log of what was changed over it. */
#ifndef MQBRIDGE_DAEMON_ACCESS_H
#define MQBRIDGE_DAEMON_ACCESS_H

struct conf;
struct control_change;
struct control_roles;

/* As the configuration says; borrowed from it. After a reload the result goes to
 * control_server_take_roles(). */
void access_roles(struct control_roles *ret, const struct conf *cf);

/* For control_spec, on_change. */
void access_log_change(void *context, const struct control_change *change);

#endif
