/* traffic - programs that know nothing of the bridge, and what keeps the books on them.
 *
 *   traffic create  --queue URI [--messages N --size BYTES]
 *   traffic produce --queue URI --ledger FILE --producer ID --types T[,T...]
 *                   (--size BYTES | --max BYTES|queue) [--random] [--seed S] [--count N] [--rate R]
 *                   [--remake]
 *   traffic consume --queue URI --log FILE [--select TYPE] [--shift N]
 *                   [--count N] [--timeout SECONDS] [--remake]
 *   traffic check   --log FILE LEDGER...
 *
 * URI is posix:/name or sysv:0xKEY. The types of a POSIX queue are priorities. Producers of one
 * queue have different types. "queue" is the size of the largest message that the queue takes.
 * A consumer behind a bridge that turned priorities into types takes the shift off again.
 * SIGTERM ends producer and consumer between two messages; a consumer gives up (status 3) after
 * `timeout` without a message. SIGUSR1 lets either remove its queue and go on with the next one of
 * that name, which it makes itself with --remake; SIGUSR2 the same when it is empty. */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "check.h"
#include "ledger.h"
#include "message.h"
#include "queue.h"
#include "remake.h"

/* As much as the queue takes. */
#define MAX_OF_QUEUE UINT32_MAX
/* A blocked call is interrupted that often to look whether to stop. */
#define TICK_US 100000

struct options {
	const char *queue;
	const char *file;
	struct recipe recipe;
	uint64_t count; /* 0: until SIGTERM */
	uint64_t rate;  /* messages per second, 0: as fast as the queue takes them */
	long messages;
	long select;
	long shift; /* received type less sent type */
	uint64_t timeout_s;
	bool remake;
};

static volatile sig_atomic_t stopping;
static volatile sig_atomic_t removing; /* the signal that asked for it, or 0 */

static void
on_signal(int signal)
{
	if (signal == SIGUSR1 || signal == SIGUSR2)
		removing = signal;
	else if (signal != SIGALRM)
		stopping = 1;
}

/* Without SA_RESTART: the calls under test must end with EINTR, as in any program. */
static void
signals_start(void)
{
	const struct itimerval tick = { .it_interval.tv_usec = TICK_US,
		.it_value.tv_usec = TICK_US };
	const struct sigaction action = { .sa_handler = on_signal };

	if (sigaction(SIGTERM, &action, NULL) != 0 ||
	    sigaction(SIGINT, &action, NULL) != 0 ||
	    sigaction(SIGALRM, &action, NULL) != 0 ||
	    sigaction(SIGUSR1, &action, NULL) != 0 ||
	    sigaction(SIGUSR2, &action, NULL) != 0 ||
	    setitimer(ITIMER_REAL, &tick, NULL) != 0)
		err(1, "signals");
}

static uint64_t
now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void
wait_until(uint64_t when_ns)
{
	const struct timespec when = { .tv_sec = (time_t)(when_ns / 1000000000),
		.tv_nsec = (long)(when_ns % 1000000000) };

	while (!stopping &&
	       clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
		;
}

static struct remake
remake_of(const struct options *op)
{
	return (struct remake){
		.queue = op->queue, .makes = op->remake, .shift = op->shift
	};
}

/* 0, or -1 when told to stop. */
static int
produce_one(const struct options *op, struct queue *q, struct ledger *lg)
{
	const struct remake rm = remake_of(op);
	struct plan plan;
	bool when_empty;

	message_plan(&lg->head->recipe, lg->head->count, &plan);
	message_make(&lg->head->recipe, lg->head->count, q->buffer->body);
	while (!stopping) {
		if (removing != 0) {
			when_empty = removing == SIGUSR2;
			removing = 0;
			remake_source(&rm, q, lg, when_empty);
			message_make(
			    &lg->head->recipe, lg->head->count, q->buffer->body);
		}
		if (queue_send(q, plan.length, plan.type) == 0) {
			ledger_count(lg, plan.length);
			return 0;
		}
		if (errno != EINTR)
			err(1, "sending %u bytes", plan.length);
	}
	return -1;
}

static int
produce(const struct options *op)
{
	struct recipe *rp;
	uint64_t number, start_ns = now_ns();
	struct ledger lg;
	struct queue q;

	queue_open(&q, op->queue, QUEUE_WRITE);
	ledger_create(&lg, op->file, LEDGER_SENT);
	rp = &lg.head->recipe;
	*rp = op->recipe;
	rp->sysv = q.sysv;
	if (rp->max == MAX_OF_QUEUE)
		rp->max = (uint32_t)q.size;
	if (rp->max > q.size)
		errx(2, "%s takes %zu bytes at most", op->queue, q.size);
	signals_start();
	for (number = 0; op->count == 0 || number < op->count; number++) {
		if (op->rate > 0)
			wait_until(start_ns + number * 1000000000 / op->rate);
		if (produce_one(op, &q, &lg) != 0)
			break;
	}
	queue_close(&q);
	ledger_close(&lg);
	return 0;
}

static int
consume(const struct options *op)
{
	const struct remake rm = remake_of(op);
	uint64_t last_ns = now_ns(), given = 0;
	struct ledger lg;
	struct queue q;
	ssize_t n;
	int rc = 0;

	queue_open(&q, op->queue, QUEUE_READ);
	ledger_create(&lg, op->file, LEDGER_TAKEN);
	signals_start();
	while (!stopping && (op->count == 0 || lg.head->count < op->count)) {
		if (removing != 0) {
			removing = 0;
			remake_destination(&rm, &q, &lg);
		}
		n = queue_receive(&q, op->select);
		if (n >= 0) {
			ledger_append(
			    &lg, q.buffer->body, (size_t)n, q.buffer->type - op->shift);
			ledger_count(&lg, (size_t)n);
			continue;
		}
		if (errno != EINTR)
			err(1, "receiving from %s", op->queue);
		if (lg.head->count != given)
			last_ns = now_ns();
		given = lg.head->count;
		if (op->timeout_s > 0 &&
		    now_ns() - last_ns > op->timeout_s * 1000000000) {
			rc = 3;
			break;
		}
	}
	queue_close(&q);
	ledger_close(&lg);
	return rc;
}

static uint64_t
number(const char *text, const char *what)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno != 0 || end == text || *end != '\0')
		errx(2, "%s: not a number: %s", what, text);
	return value;
}

static void
types_parse(struct recipe *rp, char *text)
{
	char *save = NULL, *item;

	for (item = strtok_r(text, ",", &save); item != NULL;
	     item = strtok_r(NULL, ",", &save)) {
		if (rp->n_types == MESSAGE_TYPES)
			errx(2, "--types: more than %d", MESSAGE_TYPES);
		rp->types[rp->n_types++] = (int64_t)number(item, "--types");
	}
}

static const struct option long_options[] = {
	{ "count", required_argument, NULL, 'c' },
	{ "ledger", required_argument, NULL, 'f' },
	{ "log", required_argument, NULL, 'f' },
	{ "max", required_argument, NULL, 'm' },
	{ "messages", required_argument, NULL, 'n' },
	{ "producer", required_argument, NULL, 'p' },
	{ "queue", required_argument, NULL, 'q' },
	{ "random", no_argument, NULL, 'b' },
	{ "rate", required_argument, NULL, 'r' },
	{ "remake", no_argument, NULL, 'k' },
	{ "seed", required_argument, NULL, 'S' },
	{ "select", required_argument, NULL, 't' },
	{ "shift", required_argument, NULL, 'h' },
	{ "size", required_argument, NULL, 's' },
	{ "timeout", required_argument, NULL, 'w' },
	{ "types", required_argument, NULL, 'T' },
	{ NULL, 0, NULL, 0 },
};

static void
option_take(struct options *op, int option, char *value)
{
	switch (option) {
	case 'b':
		op->recipe.random = 1;
		return;
	case 'k':
		op->remake = true;
		return;
	case 'f':
		op->file = value;
		return;
	case 'q':
		op->queue = value;
		return;
	case 'T':
		types_parse(&op->recipe, value);
		return;
	case 's':
	case 'm':
		op->recipe.fixed = option == 's';
		op->recipe.max = strcmp(value, "queue") == 0
				     ? MAX_OF_QUEUE
				     : (uint32_t)number(value, "--size or --max");
		return;
	case 't': /* negative ones are legal, msgrcv(2) */
		op->select = (long)number(value, "--select");
		return;
	default:
		break;
	}
	if (option == 'h')
		op->shift = (long)number(value, "--shift");
	else if (option == 'c')
		op->count = number(value, "--count");
	else if (option == 'n')
		op->messages = (long)number(value, "--messages");
	else if (option == 'p')
		op->recipe.producer = (uint16_t)number(value, "--producer");
	else if (option == 'r')
		op->rate = number(value, "--rate");
	else if (option == 'S')
		op->recipe.seed = number(value, "--seed");
	else if (option == 'w')
		op->timeout_s = number(value, "--timeout");
	else
		exit(2); /* getopt has said why */
}

static void
need(bool given, const char *what)
{
	if (!given)
		errx(2, "%s is needed; the start of traffic.c tells the usage", what);
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	struct options op = { 0 };
	int option;

	optind = 2;
	while (argc > 1 &&
	       (option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		option_take(&op, option, optarg);
	if (strcmp(verb, "check") == 0) {
		need(op.file != NULL && optind < argc, "--log and a ledger");
		return check_run(op.file, argv + optind, argc - optind);
	}
	need(op.queue != NULL, "--queue");
	if (strcmp(verb, "create") == 0) {
		queue_create(op.queue, op.messages, (long)op.recipe.max);
		return 0;
	}
	need(op.file != NULL, "--ledger or --log");
	if (strcmp(verb, "consume") == 0)
		return consume(&op);
	need(strcmp(verb, "produce") == 0, "create, produce, consume or check");
	need(op.recipe.n_types > 0 && op.recipe.max > 0, "--types and --size or --max");
	return produce(&op);
}
