/* The screen of "mqbridgectl top", drawn with ncurses. */
#ifndef MQBRIDGE_CLIENT_TOP_SCREEN_H
#define MQBRIDGE_CLIENT_TOP_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "client/top_model.h"

/* All that is drawn. */
struct top_view {
	const json_t *status;    /* the item of "show status"; NULL: no answer */
	const char *fault;       /* why there is none */
	const char *said;        /* what became of the last key, or "" */
	struct top_table *table; /* in order */
	enum top_order order;
	size_t selected; /* of table; kept within it by drawing */
	bool helps;      /* the keys are explained */
};

/* Begin on the terminal of this process; 0 or -errno, -ENOTTY: there is none. */
int top_screen_begin(void);
void top_screen_end(void);
void top_screen_draw(struct top_view *vw);
/* A key, as ncurses tells it, or -1 after so many milliseconds. */
int top_screen_key(int wait_ms);

enum {
	TOP_KEY_UP = 0x10000,
	TOP_KEY_DOWN,
	TOP_KEY_RESIZE,
	TOP_KEY_GONE, /* the terminal is */
};

#endif
