/* Events for routes that need an operator: when one no longer moves, and why, and when it does
 * again. Queues and peers tell of themselves. */
#ifndef MQBRIDGE_ASSEMBLY_ALARM_H
#define MQBRIDGE_ASSEMBLY_ALARM_H

struct assembly_route;
struct numbers_health;

/* Once a second, with the health it was just found to have. */
void alarm_look(struct assembly_route *ar, const struct numbers_health *he);

#endif
