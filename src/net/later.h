/* Memory that must not go while a callback of its object may still be running. */
#ifndef MQBRIDGE_NET_LATER_H
#define MQBRIDGE_NET_LATER_H

struct event;

/* Let the callback of ev (made with descriptor -1 and no flags) run once, on a later
 * turn of its loop. Never fails. The callback frees the object and ev. */
void later_run(struct event *ev);

#endif
