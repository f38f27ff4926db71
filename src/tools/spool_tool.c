#include "tools/spool_tool.h"

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/conf.h"
#include "spool/image.h"
#include "spool/image_load.h"
#include "spool/names.h"
#include "spool/runtime.h"
#include "spool/state_file.h"
#include "tools/spool_export.h"
#include "tools/spool_list.h"
#include "tools/spool_print.h"
#include "tools/spool_repair.h"
#include "tools/spool_store.h"

#define PROGRAM     "mqbridge-spool"
#define RUNTIME_DIR RUNSTATEDIR "/mqbridge"
#define STATE_DIR   LOCALSTATEDIR "/lib/mqbridge"

static const char help_text[] =
    "usage: " PROGRAM " save [DIRECTORIES]\n"
    "       " PROGRAM " list [--json] [DIRECTORIES]\n"
    "       " PROGRAM " check [--json] [DIRECTORIES]\n"
    "       " PROGRAM " export [DIRECTORIES]\n"
    "       " PROGRAM " repair [--apply] [--export FILE] [DIRECTORIES]\n"
    "       " PROGRAM " repair --drop-stream ID --export FILE [--apply] [DIRECTORIES]\n"
    "       " PROGRAM " --help | --version\n"
    "\n"
    "Saves, shows, checks and repairs what a stopped mqbridged has in its store.\n"
    "\n"
    "  save    write rings, journals and marks to disk, and what of overflow logs is not\n"
    "          there yet, unless that is done or there are none; they stay where they are\n"
    "          as well\n"
    "  list    rings, streams, overflow logs, marks, deliveries in doubt, dead letters\n"
    "  check   verify everything; a line for each fault, and exit status 1\n"
    "  export  every message as a line of JSON\n"
    "  repair  tell what would be repaired; with --apply, do it\n"
    "\n"
    "DIRECTORIES are one or two arguments, the runtime directory and the state directory\n"
    "in any order, or --config FILE, which names them, or\n"
    "  --runtime-directory DIR  (" RUNTIME_DIR ")\n"
    "  --state-directory DIR    (" STATE_DIR ")\n"
    "\n"
    "Exit status: 0 done or nothing to do, 1 failed or faults found, 2 usage,\n"
    "78 faulty configuration.\n";

struct tool {
	const char *config;
	const char *runtime_dir;
	const char *state_dir;
	const char *export_to;
	const char *drop_stream;
	bool as_json;
	bool apply;
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

	if (image_check(runtime_state_fd(rt), &info, NULL) == 0 &&
	    (!runtime_complete(rt) || info.lineage == runtime_lineage(rt))) {
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

static void
print_faults(const struct tool *tl, const json_t *faults)
{
	const json_t *fault;
	size_t i;

	json_array_foreach(faults, i, fault)
	{
		const json_t *offset = json_object_get(fault, "offset");

		(void)fprintf(
		    tl->out, "%s", json_string_value(json_object_get(fault, "file")));
		if (json_is_integer(offset))
			(void)fprintf(tl->out, ", offset %lld",
			    (long long)json_integer_value(offset));
		(void)fprintf(tl->out, ": %s; repair: %s\n",
		    json_string_value(json_object_get(fault, "what")),
		    json_string_value(json_object_get(fault, "repair")));
	}
}

static int
command_check(const struct tool *tl)
{
	struct spool_store *ss;
	char *error;
	size_t faults;
	int rc;

	rc = store_open(&ss, tl->runtime_dir, tl->state_dir, &error);
	if (rc < 0)
		return say_failure(tl, rc, error);
	faults = json_array_size(ss->faults);
	if (tl->as_json) {
		json_t *all = json_pack("{s:O}", "faults", ss->faults);

		(void)json_dumpf(all, tl->out, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		(void)fputc('\n', tl->out);
		json_decref(all);
	} else {
		print_faults(tl, ss->faults);
		(void)fprintf(tl->out, "%zu rings, %zu streams, %zu logs, %zu faults\n",
		    ss->n_rings, ss->n_streams, ss->n_logs, faults);
	}
	store_close(ss);
	return faults == 0 ? SPOOL_TOOL_DONE : SPOOL_TOOL_FAILED;
}

static int
command_export(const struct tool *tl)
{
	struct spool_store *ss;
	bool image_lost;
	char *error;
	int rc;

	rc = store_open(&ss, tl->runtime_dir, tl->state_dir, &error);
	if (rc < 0)
		return say_failure(tl, rc, error);
	rc = spool_export(ss, tl->out);
	image_lost = ss->image_lost;
	store_close(ss);
	if (rc < 0)
		return say_failure(tl, rc, NULL);
	if (!image_lost)
		return SPOOL_TOOL_DONE;
	(void)fputs(PROGRAM ": what the image holds is missing, as it cannot be read: "
			    "\"check\" says why\n",
	    tl->err);
	return SPOOL_TOOL_FAILED;
}

static int
command_repair(const struct tool *tl)
{
	struct spool_repair how = { .apply = tl->apply,
		.drop_stream = tl->drop_stream,
		.export_to = tl->export_to,
		.out = tl->out };
	struct spool_store *ss;
	char *error;
	int rc;

	rc = store_open(&ss, tl->runtime_dir, tl->state_dir, &error);
	if (rc == 0) {
		rc = spool_repair(ss, &how, &error);
		store_close(ss);
	}
	if (rc < 0)
		return say_failure(tl, rc, error);
	if (rc == 1)
		(void)fputs("nothing was changed: --apply does it\n", tl->out);
	return rc == 0 ? SPOOL_TOOL_DONE : SPOOL_TOOL_FAILED;
}

static const struct command {
	const char *name;
	bool json;
	bool repairs;
	int (*run)(const struct tool *tl);
} commands[] = {
	{ "save", false, false, command_save },
	{ "list", true, false, command_list },
	{ "check", true, false, command_check },
	{ "export", false, false, command_export },
	{ "repair", false, true, command_repair },
};

static void
say_fault(void *arg, const char *file, int line, const char *key, const char *why)
{
	const struct tool *tl = arg;
	char place[CONF_PLACE_MAX];

	(void)fprintf(tl->err, "%s: %s\n",
	    conf_fault_place(place, sizeof(place), file, line, key), why);
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

static bool
is_state(const char *name)
{
	return state_file_is(name) || strcmp(name, "lock") == 0 ||
	       strcmp(name, "epoch") == 0;
}

static bool
is_runtime(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct names nm = { 0 };
	bool ret;

	if (fd < 0)
		return false;
	ret = names_list(&nm, fd, is_state) == 0 && nm.n > 0;
	names_done(&nm);
	(void)close(fd);
	return ret;
}

/* One directory stands for both: what is not in it is nowhere. */
static int
take_directories(struct tool *tl, char **words, int n)
{
	if (n > 2)
		return say_usage(tl, words[2], "is one argument too many");
	if (tl->config != NULL || tl->runtime_dir != NULL || tl->state_dir != NULL)
		return say_usage(
		    tl, words[0], "stands beside an option for directories");
	tl->runtime_dir = tl->state_dir = words[0];
	if (n == 2 && is_runtime(words[1]))
		tl->runtime_dir = words[1];
	else if (n == 2)
		tl->state_dir = words[1];
	return SPOOL_TOOL_DONE;
}

static int
check_options(const struct tool *tl, const struct command *co)
{
	if (tl->as_json && !co->json)
		return say_usage(tl, "--json", "is for list and check only");
	if ((tl->apply || tl->export_to != NULL || tl->drop_stream != NULL) &&
	    !co->repairs)
		return say_usage(
		    tl, "--apply, --export or --drop-stream", "is for repair only");
	return SPOOL_TOOL_DONE;
}

static const struct command *
command_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

static int
find_command(struct tool *tl, char **words, int n)
{
	bool directories = tl->runtime_dir != NULL || tl->state_dir != NULL;
	const struct command *co;
	int status = SPOOL_TOOL_DONE;

	if (n == 0)
		return say_usage(tl, "a command", "is missing");
	if (tl->config != NULL && directories)
		return say_usage(tl, "--config", "names the directories already");
	co = command_of(words[0]);
	if (co == NULL)
		return say_usage(tl, words[0], "is not a command");
	status = check_options(tl, co);
	if (status == SPOOL_TOOL_DONE && n > 1)
		status = take_directories(tl, words + 1, n - 1);
	if (status != SPOOL_TOOL_DONE)
		return status;
	if (tl->runtime_dir == NULL)
		tl->runtime_dir = RUNTIME_DIR;
	if (tl->state_dir == NULL)
		tl->state_dir = STATE_DIR;
	return run_command(tl, co);
}

/* An option that takes no further part in reading the command line. */
static bool
take_option(struct tool *tl, int option)
{
	switch (option) {
	case 'a':
		tl->apply = true;
		return true;
	case 'c':
		tl->config = optarg;
		return true;
	case 'd':
		tl->drop_stream = optarg;
		return true;
	case 'e':
		tl->export_to = optarg;
		return true;
	case 'j':
		tl->as_json = true;
		return true;
	case 'r':
		tl->runtime_dir = optarg;
		return true;
	case 's':
		tl->state_dir = optarg;
		return true;
	default:
		return false;
	}
}

int
spool_tool_run(int argc, char **argv, FILE *out, FILE *err)
{
	static const struct option options[] = {
		{ "apply", no_argument, NULL, 'a' },
		{ "config", required_argument, NULL, 'c' },
		{ "drop-stream", required_argument, NULL, 'd' },
		{ "export", required_argument, NULL, 'e' },
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
		if (take_option(&tl, option))
			continue;
		switch (option) {
		case 'h':
			(void)fputs(help_text, out);
			return finish_output(&tl, SPOOL_TOOL_DONE);
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
