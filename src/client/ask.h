/* One request over the control socket and its answer, waiting. Raises no SIGPIPE. */
#ifndef MQBRIDGE_CLIENT_ASK_H
#define MQBRIDGE_CLIENT_ASK_H

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

/* Send a line, given without its newline, and read the answer to the empty line at its end,
 * which is left out. answer is empty and keeps what has come also on failure. But an answer in
 * lines of JSON that are not documents (control/command.h, pieces) may be long: it goes to
 * pieces as it comes, and answer stays empty. Whether that could be written ferror() tells.
 * Returns 0, -ETIMEDOUT, -ECONNRESET (hung up before the end), -EFBIG or another -errno. */
int ask_exchange(
    struct text *answer, int fd, const char *line, size_t len, FILE *pieces) MUST_CHECK;

#endif
