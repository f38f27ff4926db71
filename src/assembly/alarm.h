/* Events for routes that need an operator: when one no longer moves, and why, and when it does
 * again. Queues and peers tell of themselves. */
#ifndef MQBRIDGE_ASSEMBLY_ALARM_H
#define MQBRIDGE_ASSEMBLY_ALARM_H

struct assembly;

/* Once a second, after numbers_tick(). */
void alarm_tick(const struct assembly *as);

#endif
