/* A dead letter as JSON: for the control socket, and a line of an export. */
#ifndef MQBRIDGE_COMMANDS_LETTER_JSON_H
#define MQBRIDGE_COMMANDS_LETTER_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct deadletter;
struct deadletter_info;
struct item;
struct text;

/* Texts stay those of dt. */
void letter_info(struct deadletter_info *ret, const struct deadletter *dt);
/* All that is known without the body. */
void letter_fill(struct item *it, const struct deadletter_info *in);
/* And what only a whole letter tells. */
void letter_fill_more(struct item *it, const struct deadletter_info *in);
/* The body, or the begin of one. */
void letter_fill_body(struct item *it, bool is_text, const uint8_t *bytes, size_t len);

/* A body in pieces, as what stands between the quotes. Failures are kept in out. */
struct letter_body {
	bool is_text; /* UTF-8 without a NUL; else base64 */
	/* What was left of the piece before: a begun character, or less than three bytes. */
	uint8_t carry[4];
	size_t n_carry;
};
#define LETTER_PIECE 49152 /* bytes of a body at once */

/* A line of an export up to its body: {"id": ..., "body": " */
void letter_put_begin(
    struct text *out, const char *host, const struct deadletter *dt, bool is_text);
void letter_put_body(struct text *out, struct letter_body *lb, const uint8_t *bytes,
    size_t len, bool is_last);
void letter_put_end(struct text *out); /* "} and a newline */

#endif
