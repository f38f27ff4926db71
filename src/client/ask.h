/* One request over the control socket and its answer, waiting. Raises no SIGPIPE. */
#ifndef MQBRIDGE_CLIENT_ASK_H
#define MQBRIDGE_CLIENT_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"

struct text;

#define ASK_SILENCE_MS 10000 /* a daemon that says nothing for so long is given up */
#define ASK_ANSWER_MAX (8UL << 20) /* bytes; the daemon sends no more than half of it */

/* Connect to the socket at path; on success *ret_fd belongs to the caller. Every later wait
 * on it ends after silence_ms. Returns 0 or -errno. */
int ask_connect(int *ret_fd, const char *path, uint32_t silence_ms) MUST_CHECK;

struct ask {
	const char *line; /* without its newline */
	size_t len;
	bool as_json; /* the line asks for JSON */
	/* Lines of the answer that are neither a document nor an error, nor in text a warning,
	 * go there as they come: there may be many, and long ones; also what text holds else. */
	FILE *pieces;
	/* Asked when the daemon has been silent for as long as ask_connect() was told; true: it
	 * works on it, wait on. NULL: it is given up. */
	bool (*is_alive)(void *owner);
	void *owner;
};

/* Send the line and read the answer to the empty line at its end, which is left out. answer is
 * empty, gets what is no piece, and keeps it also on failure. Whether the pieces could be
 * written ferror() tells. Returns 0, -ETIMEDOUT, -ECONNRESET (hung up before the end), -EFBIG
 * or another -errno. */
int ask_exchange(struct text *answer, int fd, const struct ask *ak) MUST_CHECK;

/* Does a daemon at path answer anything at all, within that time? */
bool ask_is_alive(const char *path, uint32_t silence_ms);

#endif
