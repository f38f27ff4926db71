/* The options of mqbridgectl. */
#ifndef MQBRIDGE_CLIENT_OPTIONS_H
#define MQBRIDGE_CLIENT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"
#include "client/plugin.h"

struct options {
	const char *socket; /* path; of argv or static */
	const char *config; /* for doctor; likewise */
	bool as_json;
	bool yes;
	bool complete;               /* the words are to be completed, for a shell */
	uint64_t watch_ms;           /* 0: once */
	struct plugin_limits limits; /* of check */
	bool help, version;
	unsigned
	    given; /* a bit for each that is not for every command: options_fit() */
	int first; /* of the words that are no options, in argv */
};

/* Read them; argv is permuted. Returns 0, or an exit status after err was told: then ret holds
 * what stood before the fault, and first. */
int options_read(struct options *ret, int argc, char **argv, FILE *err) MUST_CHECK;

/* Does the command take those that were given? words: of its row in the table, where its own options
 * stand: "check [--age-warning D]"; NULL: it is in no table. Returns 0, or an exit status after err was
 * told. What --watch repeats is not judged here. */
int options_fit(const struct options *op, const char *words, FILE *err) MUST_CHECK;

/* What --help prints before and behind what mqbridgectl does itself. */
extern const char options_usage[], options_help[];

#endif
