/* Single samples in the text formats of Prometheus. Part of the metrics. */
#ifndef MQBRIDGE_METRICS_METRICS_LINE_H
#define MQBRIDGE_METRICS_METRICS_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct text;

/* name="value", escaped; what is not UTF-8 is quoted (base/quote.h). malloc'ed; NULL: no
 * memory. */
char *metrics_label(const char *name, const char *value) MUST_CHECK;
void metrics_put_label(struct text *out, const char *name, const char *value);

/* The begin of a line: its name, of which suffix is the end, and with both labels, if they are
 * there, the second with its value. */
struct metrics_sample {
	const char *name, *suffix;
	const char *labels; /* as metrics_label() gives it, or NULL */
	const char *label, *value;
};
void metrics_put_sample(struct text *out, const struct metrics_sample *sa);
/* The rest of the line. */
void metrics_put_count(struct text *out, uint64_t value);
void metrics_put_ns(struct text *out, uint64_t ns); /* in seconds */

#endif
