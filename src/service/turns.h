/* How long the event loop is busy in each turn: from the end of its wait for events to the
 * next. As long as that nothing else is done.
 *
 * libevent before 2.2 tells nobody when it waits, so the program has the epoll_wait(2) that
 * libevent calls: it takes the time, twice a turn, and waits by epoll_pwait(2). What it counts
 * is of the thread that called turns_begin(); of all that the project keeps outside of objects
 * only this and the log's settings. */
#ifndef MQBRIDGE_SERVICE_TURNS_H
#define MQBRIDGE_SERVICE_TURNS_H

struct histogram;

/* From now on the waits of this thread are those of the loop. */
void turns_begin(void);
/* Of this thread's turns; the present one is not in it. */
void turns_times(struct histogram *ret);

#endif
