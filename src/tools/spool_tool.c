#include "tools/spool_tool.h"

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/conf.h"
#include "spool/image.h"
#include "spool/image_load.h"
#include "spool/runtime.h"
#include "tools/spool_list.h"
#include "tools/spool_print.h"

#define PROGRAM     "mqbridge-spool"
#define RUNTIME_DIR RUNSTATEDIR "/mqbridge"
#define STATE_DIR   LOCALSTATEDIR "/lib/mqbridge"

static const char help_text[] =
    "usage: " PROGRAM " save [DIRECTORIES]\n"
    "       " PROGRAM " list [DIRECTORIES] [--json]\n"
    "       " PROGRAM " --help | --version\n"
    "\n"
    "Saves and shows what a stopped mqbridged has in its store.\n"
    "\n"
    "  save  write rings, journals and marks to disk, unless that is done or there are\n"
    "        none; they stay where they are as well\n"
    "  list  rings, streams, marks, deliveries in doubt, dead letters\n"
    "\n"
    "DIRECTORIES are --config FILE, which names them, or\n"
    "  --runtime-directory DIR  (" RUNTIME_DIR ")\n"
    "  --state-directory DIR    (" STATE_DIR ")\n"
    "\n"
    "Exit status: 0 done or nothing to do, 1 failed, 2 usage, 78 faulty configuration.\n";

struct tool {
	const char *config;
	const char *runtime_dir;
	const char *state_dir;
	bool as_json;
	FILE *out;
	FILE *err;
};

static int
finish_output(const struct tool *tl, int status)
{
	if (fflush(tl->out) == 0 && !ferror(tl->out))
		return status;
	(void)fprintf(tl->err, PROGRAM ": cannot write: %s\n", strerror(errno));
	return SPOOL_TOOL_FAILED;
}

static int
say_usage(const struct tool *tl, const char *what, const char *why)
{
	(void)fprintf(
	    tl->err, PROGRAM ": %s %s; see \"" PROGRAM " --help\"\n", what, why);
	return SPOOL_TOOL_USAGE;
}

/* Takes over error. */
static int
say_failure(const struct tool *tl, int rc, char *error)
{
	(void)fprintf(tl->err, PROGRAM ": %s\n", error != NULL ? error : strerror(-rc));
	if (rc == -EBUSY)
		(void)fputs(
		    "Stop the daemon first, or ask it with mqbridgectl.\n", tl->err);
	free(error);
	return SPOOL_TOOL_FAILED;
}

/* An image that is there was written after the last daemon stopped, since each start removes
 * it. It is read again before it is relied upon: this may be the last chance to write one. */
static int
save_runtime(const struct tool *tl, struct runtime *rt)
{
	struct image_info info;
	char *error = NULL;
	int rc;

	if (image_check(runtime_state_fd(rt), &info, NULL) == 0) {
		(void)fputs("nothing to save: the image is current\n", tl->out);
		return SPOOL_TOOL_DONE;
	}
	if (!runtime_complete(rt)) {
		(void)fputs("nothing to save: there is no state\n", tl->out);
		return SPOOL_TOOL_DONE;
	}
	rc = image_save(rt, &error);
	if (rc < 0)
		return say_failure(tl, rc, error);
	(void)fprintf(tl->out, "saved to %s/image\n", tl->state_dir);
	return SPOOL_TOOL_DONE;
}

static int
command_save(const struct tool *tl)
{
	struct runtime *rt;
	char *error;
	int status;
	int rc;

	rc = runtime_open_stopped(&rt, tl->runtime_dir, tl->state_dir, &error);
	if (rc < 0)
		return say_failure(tl, rc, error);
	if (rc == 1) {
		(void)fputs("nothing to save: there is no state\n", tl->out);
		return SPOOL_TOOL_DONE;
	}
	status = save_runtime(tl, rt);
	runtime_close(rt);
	return status;
}

static int
command_list(const struct tool *tl)
{
	char *error = NULL;
	json_t *all;
	int rc;

	rc = spool_list(&all, tl->runtime_dir, tl->state_dir, &error);
	if (rc < 0)
		return say_failure(tl, rc, error);
	if (tl->as_json) {
		(void)json_dumpf(all, tl->out, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		(void)fputc('\n', tl->out);
	} else {
		spool_print(all, tl->out);
	}
	json_decref(all);
	return SPOOL_TOOL_DONE;
}

static const struct command {
	const char *name;
	bool json;
	int (*run)(const struct tool *tl);
} commands[] = {
	{ "save", false, command_save },
	{ "list", true, command_list },
};

static void
say_fault(void *arg, const char *file, int line, const char *key, const char *why)
{
	const struct tool *tl = arg;

	(void)fprintf(tl->err, "%s:%d: %s: %s\n", file, line, key, why);
}

/* Without --config the directories are those of the options. */
static int
run_command(struct tool *tl, const struct command *co)
{
	struct conf *cf = NULL;
	int status;

	if (tl->config != NULL) {
		if (conf_load(&cf, tl->config, say_fault, tl) != 0)
			return SPOOL_TOOL_CONFIG;
		tl->runtime_dir = cf->ring_directory;
		tl->state_dir = cf->state_directory;
	}
	status = co->run(tl);
	conf_free(cf);
	return finish_output(tl, status);
}

static int
find_command(struct tool *tl, char **words, int n)
{
	bool directories = tl->runtime_dir != NULL || tl->state_dir != NULL;

	if (n == 0)
		return say_usage(tl, "a command", "is missing");
	if (n > 1)
		return say_usage(tl, words[1], "is one argument too many");
	if (tl->config != NULL && directories)
		return say_usage(tl, "--config", "names the directories already");
	if (tl->runtime_dir == NULL)
		tl->runtime_dir = RUNTIME_DIR;
	if (tl->state_dir == NULL)
		tl->state_dir = STATE_DIR;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(words[0], commands[i].name) != 0)
			continue;
		if (tl->as_json && !commands[i].json)
			return say_usage(tl, "--json", "is for list only");
		return run_command(tl, &commands[i]);
	}
	return say_usage(tl, words[0], "is not a command");
}

int
spool_tool_run(int argc, char **argv, FILE *out, FILE *err)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ "runtime-directory", required_argument, NULL, 'r' },
		{ "state-directory", required_argument, NULL, 's' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	struct tool tl = { .out = out, .err = err };
	int option;

	optind = 0; /* a test calls this several times */
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			tl.config = optarg;
			break;
		case 'h':
			(void)fputs(help_text, out);
			return finish_output(&tl, SPOOL_TOOL_DONE);
		case 'j':
			tl.as_json = true;
			break;
		case 'r':
			tl.runtime_dir = optarg;
			break;
		case 's':
			tl.state_dir = optarg;
			break;
		case 'v':
			(void)fputs(PROGRAM " " PACKAGE_VERSION "\n", out);
			return finish_output(&tl, SPOOL_TOOL_DONE);
		case ':':
			return say_usage(&tl, argv[optind - 1], "needs a value");
		default:
			return say_usage(&tl, argv[optind - 1], "is not an option");
		}
	}
	return find_command(&tl, argv + optind, argc - optind);
}
