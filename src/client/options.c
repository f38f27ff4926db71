#include "client/options.h"

#include <getopt.h>
#include <string.h>

#include "base/parse.h"
#include "client/ctl.h"
#include "control/reply.h"

#define PROGRAM      "mqbridgectl"
#define CONFIG_FILE  SYSCONFDIR "/mqbridge/mqbridge.conf"
#define WATCH_MIN_MS 100

const char options_help[] =
    "usage: " PROGRAM " [OPTION...] COMMAND...\n"
    "       " PROGRAM " [OPTION...] top | check | doctor\n"
    "       " PROGRAM " --help | --version\n"
    "\n"
    "Asks a running mqbridged. \"" PROGRAM " help\" lists the commands it knows;\n"
    "each word of a command may be abbreviated.\n"
    "\n"
    "  top      a live screen: rates, backlogs, ages; h there shows the keys\n"
    "  check    one line and exit status 0 to 3 for a monitoring system\n"
    "  doctor   what stands in the way on this host, also without a daemon\n"
    "\n"
    "  --socket PATH     the daemon's control socket (" CTL_SOCKET ")\n"
    "  --json            print one JSON document\n"
    "  --yes             do not ask before what cannot be undone\n"
    "  --watch D         show again and again, every D (2s)\n"
    "  --age-warning D   check: the oldest message may wait so long\n"
    "  --age-critical D  check: likewise\n"
    "  --config FILE     doctor: the configuration (" CONFIG_FILE ")\n"
    "\n"
    "Exit status: 0 done, 1 refused, 2 usage, 3 no daemon, 4 not permitted,\n"
    "5 no such object, 6 condition not reached, 7 done with warnings.\n";

static const struct option names[] = {
	{ "age-critical", required_argument, NULL, 'C' },
	{ "age-warning", required_argument, NULL, 'W' },
	{ "complete", no_argument, NULL, 'c' },
	{ "config", required_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ "socket", required_argument, NULL, 's' },
	{ "version", no_argument, NULL, 'v' },
	{ "watch", required_argument, NULL, 'w' },
	{ "yes", no_argument, NULL, 'y' },
	{ NULL, 0, NULL, 0 },
};

static int
say_usage(FILE *err, const char *what, const char *why)
{
	(void)fprintf(err, PROGRAM ": %s %s; see \"" PROGRAM " --help\"\n", what, why);
	return REPLY_USAGE;
}

/* Of several letters in one word getopt_long(3) tells only which it was. */
static int
say_unknown(FILE *err, const char *word)
{
	char letter[] = { '-', (char)optopt, '\0' };
	bool is_letter = optopt != 0 && strchr(word, '=') == NULL;

	return say_usage(err, is_letter ? letter : word, "is not an option");
}

static int
read_duration(uint64_t *ret, FILE *err, const char *option)
{
	if (parse_duration(ret, optarg) == 0 && *ret >= WATCH_MIN_MS)
		return 0;
	return say_usage(err, option, "wants a duration of at least 100ms, such as 2s");
}

/* Those with a value. */
static int
read_value(struct options *op, int option, FILE *err)
{
	switch (option) {
	case 's':
		op->socket = optarg;
		return 0;
	case 'f':
		op->config = optarg;
		return 0;
	case 'w':
		return read_duration(&op->watch_ms, err, "--watch");
	case 'W':
		return read_duration(&op->limits.age_warning_ms, err, "--age-warning");
	default:
		return read_duration(
		    &op->limits.age_critical_ms, err, "--age-critical");
	}
}

static int
read_option(struct options *op, int option, char **argv, FILE *err)
{
	switch (option) {
	case 'h':
		op->help = true;
		return 0;
	case 'v':
		op->version = true;
		return 0;
	case 'c':
		op->complete = true;
		return 0;
	case 'j':
		op->as_json = true;
		return 0;
	case 'y':
		op->yes = true;
		return 0;
	case ':':
		return say_usage(err, argv[optind - 1], "wants a value");
	case '?':
		return say_unknown(err, argv[optind - 1]);
	default:
		return read_value(op, option, err);
	}
}

int
options_read(struct options *ret, int argc, char **argv, FILE *err)
{
	struct options op = { .socket = CTL_SOCKET, .config = CONFIG_FILE };
	int option, rc = 0;

	opterr = 0; /* the message is ours, to err */
	optind = 0; /* glibc: start anew, also when called twice */
	while ((option = getopt_long(argc, argv, ":", names, NULL)) != -1) {
		/* Of several faults the first is told. */
		if (rc == 0)
			rc = read_option(&op, option, argv, err);
	}
	op.first = optind;
	*ret = op;
	return rc;
}
