/* A configuration as it is in force, key by key, as it could be written. Pure. */
#ifndef MQBRIDGE_CONFIG_SHOWN_H
#define MQBRIDGE_CONFIG_SHOWN_H

#include <stdbool.h>
#include <stddef.h>

#include "config/conf.h"

#define SHOWN_KEY   640  /* bytes with the NUL */
#define SHOWN_VALUE 1024 /* longer ones end in "..." */

struct shown {
	char key[SHOWN_KEY];     /* "receive_memory", "queues.orders.create.mode" */
	char value[SHOWN_VALUE]; /* "64MiB"; "": none */
	bool preset;             /* it is not written, and has its default */
	struct conf_place
	    place; /* of the key; or of its object, if it is not written */
};

/* The i-th of all, from 0: 1; or 0: there are not so many. */
int shown_at(const struct conf *cf, size_t i, struct shown *ret);

#endif
