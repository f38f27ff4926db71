/* Compares what one queue's consumer received with what its producers sent. */
#ifndef TOOLS_CHECK_H
#define TOOLS_CHECK_H

/* Prints one line of JSON. Returns 0 when every message arrived exactly once, in order and
 * unaltered (shortened ones are told, but are no fault), else 1. */
int check_run(const char *taken, char *const *sent, int n_sent);

#endif
