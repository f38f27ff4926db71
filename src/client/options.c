#include "client/options.h"

#include <getopt.h>
#include <string.h>

#include "base/compiler.h"
#include "base/parse.h"
#include "client/ctl.h"
#include "control/reply.h"

#define PROGRAM      "mqbridgectl"
#define CONFIG_FILE  SYSCONFDIR "/mqbridge/mqbridge.conf"
#define WATCH_MIN_MS 100

const char options_usage[] =
    "usage: " PROGRAM " [OPTION...] COMMAND...\n"
    "       " PROGRAM " [OPTION...] top | check | doctor\n"
    "       " PROGRAM " --help | --version\n"
    "\n"
    "Asks a running mqbridged. \"" PROGRAM " help\" lists all commands,\n"
    "\"" PROGRAM " help COMMAND\" tells of one; each word may be abbreviated.\n"
    "Begin with \"show status\".\n"
    "\n";

const char options_help[] =
    "\n"
    "  --socket PATH     the daemon's control socket (" CTL_SOCKET ")\n"
    "  --json            print one JSON document\n"
    "  --yes             do not ask before what cannot be undone\n"
    "  --watch D         of show and top: again and again, every D (2s)\n"
    "  --age-warning D   check: warn when the oldest message waits so long\n"
    "  --age-critical D  check: likewise, critical\n"
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

/* What is for some commands only. */
static const struct special {
	int option;
	const char *name, *commands;
} specials[] = {
	{ 'W', "--age-warning", "is only for \"check\"" },
	{ 'C', "--age-critical", "is only for \"check\"" },
	{ 'f', "--config", "is only for \"doctor\"" },
};

static void
note_special(struct options *op, int option)
{
	for (size_t i = 0; i < ARRAY_LEN(specials); i++) {
		if (specials[i].option == option)
			op->given |= 1U << i;
	}
}

/* The ages of a check that are the wrong way round would hide one of them. */
static int
judge_ages(const struct plugin_limits *limits, FILE *err)
{
	if (limits->age_warning_ms == 0 || limits->age_critical_ms == 0 ||
	    limits->age_warning_ms <= limits->age_critical_ms)
		return 0;
	return say_usage(err, "--age-critical", "must not be below --age-warning");
}

int
options_fit(const struct options *op, const char *words, FILE *err)
{
	for (size_t i = 0; i < ARRAY_LEN(specials); i++) {
		if ((op->given & 1U << i) != 0 &&
		    (words == NULL || strstr(words, specials[i].name) == NULL))
			return say_usage(err, specials[i].name, specials[i].commands);
	}
	return judge_ages(&op->limits, err);
}

/* Those with a value. */
static int
read_value(struct options *op, int option, FILE *err)
{
	note_special(op, option);
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
	while ((option = getopt_long(argc, argv, ":h", names, NULL)) != -1) {
		/* Of several faults the first is told. */
		if (rc == 0)
			rc = read_option(&op, option, argv, err);
	}
	op.first = optind;
	*ret = op;
	return rc;
}
