/* Configurations written by a test, and the faults that they have. */
#ifndef MQBRIDGE_TESTS_LOADING_H
#define MQBRIDGE_TESTS_LOADING_H

#include "config/conf.h"

#define LOADING_FAULTS 64

struct loading {
	char dir[64];
	struct conf *cf; /* NULL when there are faults */
	int count;       /* what conf_load() returned */
	int told;
	char faults[LOADING_FAULTS][1500]; /* "file:line: key: why", file without dir */
};

/* A checked fixture: a directory of its own, and its end. */
void loading_setup(void);
void loading_teardown(void);
extern struct loading loading;

/* Write that file into the directory. */
void loading_write(const char *name, const char *text);
/* The path of that file, in a static buffer. */
const char *loading_path(const char *name);
/* Load it. */
void loading_load(const char *name);
/* Write and load "a.conf". */
void loading_text(const char *text);

#endif
