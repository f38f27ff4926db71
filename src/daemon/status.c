#include "daemon/status.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "assembly/numbers.h"
#include "base/compiler.h"

#define RATE_MAX  32
#define WORDS_MAX 240
#define FAULTS    3 /* that are told; the others are counted */

struct status_text {
	char *at;
	size_t left; /* with the NUL */
};

static void append(struct status_text *tx, const char *format, ...) PRINTF_LIKE(2, 3);

static void
append(struct status_text *tx, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(tx->at, tx->left, format, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n >= tx->left)
		n = (int)tx->left - 1;
	tx->at += n;
	tx->left -= (size_t)n;
}

char *
status_rate(char *buf, size_t size, double per_s)
{
	static const char units[] = { '\0', 'k', 'M', 'G' };
	uint64_t rate = per_s > 0 ? (uint64_t)per_s : 0;
	unsigned tenth = 0, unit = 0;

	while (rate >= 1000 && unit + 1 < sizeof(units)) {
		tenth = (unsigned)(rate % 1000 / 100);
		rate /= 1000;
		unit++;
	}
	if (unit == 0)
		(void)snprintf(buf, size, "%" PRIu64 "/s", rate);
	else if (rate < 10)
		(void)snprintf(
		    buf, size, "%" PRIu64 ".%u%c/s", rate, tenth, units[unit]);
	else
		(void)snprintf(buf, size, "%" PRIu64 "%c/s", rate, units[unit]);
	return buf;
}

/* Is it no more than what a peer is told for, that is among the worst itself? */
static bool
is_told(const struct numbers_total *nt, const struct numbers_health *he)
{
	if (he->reason != REASON_PEER_NOT_CONNECTED)
		return false;
	for (size_t i = 0; i < nt->n_worst; i++) {
		if (strcmp(nt->worst[i].kind, "peer") == 0 &&
		    strcmp(nt->worst[i].name, he->host) == 0)
			return true;
	}
	return false;
}

static void
append_faults(struct status_text *tx, const struct numbers_total *nt)
{
	char words[WORDS_MAX];
	size_t told = 0, folded = 0;

	for (size_t i = 0; i < nt->n_worst && told < FAULTS; i++) {
		if (is_told(nt, &nt->worst[i].health)) {
			folded++;
			continue;
		}
		append(tx, "%s; ", numbers_words(words, sizeof(words), &nt->worst[i]));
		told++;
	}
	if (nt->problems > told)
		append(tx, "%zu more%s; ", nt->problems - told,
		    folded > 0 ? ", as they wait for peers" : "");
}

char *
status_of(char *line, size_t size, const struct numbers_total *nt)
{
	struct status_text tx = { line, size };
	char in[RATE_MAX], out[RATE_MAX];

	append(&tx, "%s: ", state_name(nt->health.state));
	append_faults(&tx, nt);
	append(&tx, "%zu/%zu peers up; in %s out %s; backlog %" PRIu64, nt->peers_up,
	    nt->peers, status_rate(in, sizeof(in), nt->in_rate),
	    status_rate(out, sizeof(out), nt->out_rate), nt->backlog_records);
	if (nt->oldest_age_s >= 0)
		append(&tx, ", oldest %" PRId64 "s", nt->oldest_age_s);
	append(&tx, "; dead letters %" PRIu64 "; in doubt %" PRIu64, nt->dead_letters,
	    nt->in_doubt);
	return line;
}
