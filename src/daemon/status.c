#include "daemon/status.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/quote.h"
#include "config/conf.h"
#include "daemon/assembly.h"
#include "daemon/numbers.h"
#include "link/link.h"

#define RATE_MAX 32

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
status_rate(char *buf, size_t size, uint64_t count, uint64_t ms)
{
	static const char units[] = { '\0', 'k', 'M', 'G' };
	uint64_t rate = ms > 0 ? count * 1000 / ms : 0;
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

static void
append_more(struct status_text *tx, size_t count)
{
	if (count > 1)
		append(tx, " and %zu more", count - 1);
	append(tx, "; ");
}

static void
append_faults(struct status_text *tx, const struct assembly *as,
    const struct numbers_total *total)
{
	if (total->bad_route != NULL) {
		struct numbers_route nr;

		numbers_route(as, total->bad_route, &nr);
		append(tx, "route %.64s %s (%.160s)",
		    quote(total->bad_route->conf->name).text, nr.state.state,
		    nr.state.reason);
		append_more(tx, total->bad_routes);
	}
	if (total->lost_queue != NULL) {
		struct numbers_queue nq;

		numbers_queue(total->lost_queue, &nq);
		append(tx, "queue %.64s not attached (%.160s)",
		    quote(total->lost_queue->conf->name).text, nq.reason);
		append_more(tx, total->lost_queues);
	}
	if (total->lost_peer != NULL) {
		struct peer_numbers pn;

		peer_numbers(total->lost_peer->peer, &pn);
		append(tx, "peer %.64s not connected",
		    quote(total->lost_peer->conf->name).text);
		if (pn.reason[0] != '\0')
			append(tx, " (%.160s)", pn.reason);
		append_more(tx, total->peers - total->peers_up);
	}
}

char *
status_line(char *line, size_t size, const struct assembly *as,
    struct status_memory *memory, uint64_t now_ms)
{
	struct status_text tx = { line, size };
	struct numbers_total total;
	char in[RATE_MAX], out[RATE_MAX];
	uint64_t ms = now_ms - memory->at_ms, sum;

	numbers_total(as, &total);
	sum = total.delivered + total.settled;
	append(&tx, "%s: ", numbers_degraded(&total) ? "degraded" : "running");
	append_faults(&tx, as, &total);
	append(&tx,
	    "%zu/%zu peers up; in %s out %s; backlog %" PRIu64 "; dead letters %" PRIu64
	    "; in doubt %" PRIu64,
	    total.peers_up, total.peers,
	    status_rate(in, sizeof(in), total.received - memory->in, ms),
	    status_rate(out, sizeof(out), sum - memory->out, ms), total.backlog_records,
	    total.dead_letters, total.in_doubt);
	*memory = (struct status_memory){ now_ms, total.received, sum };
	return line;
}
