/* mqbridged: carries messages between the kernel's message queues of different hosts. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/compiler.h"
#include "base/log.h"
#include "daemon/check.h"
#include "daemon/daemon.h"

#define CONFIG_FILE SYSCONFDIR "/mqbridge/mqbridge.conf"

struct choice {
	struct daemon_options daemon;
	bool check, help, version;
};

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "check", no_argument, NULL, 'k' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "log", required_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
    "usage: mqbridged [options]\n"
    "  --config FILE   the configuration (" CONFIG_FILE ")\n"
    "  --check         only check it, and say what it needs\n"
    "  --foreground    a plain log, also under a service manager\n"
    "  --log LEVEL     error, warn, info or debug (info)\n"
    "  --help          this text\n"
    "  --version       the version\n";

static int
choose(struct choice *ch, int option)
{
	switch (option) {
	case 'c':
		ch->daemon.config = optarg;
		return 0;
	case 'k':
		ch->check = true;
		return 0;
	case 'f':
		ch->daemon.foreground = true;
		return 0;
	case 'l':
		if (log_level_parse(&ch->daemon.level, optarg) == 0)
			return 0;
		(void)fprintf(
		    stderr, "mqbridged: --log takes error, warn, info or debug\n");
		return -1;
	case 'h':
		ch->help = true;
		return 0;
	case 'V':
		ch->version = true;
		return 0;
	default:
		return -1;
	}
}

static int
read_options(struct choice *ch, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (choose(ch, option) < 0)
			return -1;
	}
	if (optind < argc) {
		(void)fprintf(stderr, "mqbridged: what is \"%s\"?\n", argv[optind]);
		return -1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct choice ch = { .daemon = {
				 .config = CONFIG_FILE, .level = LOG_LEVEL_INFO } };

	if (read_options(&ch, argc, argv) < 0) {
		(void)fputs(usage, stderr);
		return EX_USAGE;
	}
	if (ch.help)
		return fputs(usage, stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	if (ch.version)
		return puts("mqbridged " PACKAGE_VERSION) < 0 ? EXIT_FAILURE
							      : EXIT_SUCCESS;
	if (ch.check)
		return check_run(ch.daemon.config);
	return daemon_run(&ch.daemon);
}
