#include "tools/ipcq_call.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/types.h>

#include "base/parse.h"
#include "base/quote.h"

#define HELP 'h'

/* 0, or what is wrong with the value. */
typedef const char *read_fn(struct call *ca, const char *value);

static const char *
read_size(uint64_t *ret, const char *value)
{
	if (parse_size(ret, value) == 0 && *ret > 0)
		return NULL;
	return "must be a size, as 8192 or 8KiB";
}

static const char *
read_number(uint64_t *ret, const char *value)
{
	if (parse_u64(ret, value, 1, UINT64_MAX) == 0)
		return NULL;
	return "must be a number, 1 at least";
}

static const char *
read_max_messages(struct call *ca, const char *value)
{
	return read_number(&ca->create.max_messages, value);
}

static const char *
read_message_size(struct call *ca, const char *value)
{
	return read_size(&ca->create.message_size, value);
}

static const char *
read_max_bytes(struct call *ca, const char *value)
{
	return read_size(&ca->create.max_bytes, value);
}

static const char *
read_mode(struct call *ca, const char *value)
{
	uint32_t mode;

	if (parse_mode(&mode, value) < 0)
		return "must be permission bits in octal, as 0660";
	ca->create.mode = mode;
	ca->create.set |= IPCQ_SET_MODE;
	return NULL;
}

/* -1 is nobody's number. */
static const char *
read_owner(struct call *ca, const char *value)
{
	const struct passwd *pw = getpwnam(value);
	uint64_t number;

	if (pw == NULL && parse_u64(&number, value, 0, UINT32_MAX - 1) < 0)
		return "must be the name or number of a user";
	ca->create.owner = pw != NULL ? pw->pw_uid : (uid_t)number;
	ca->create.set |= IPCQ_SET_OWNER;
	return NULL;
}

static const char *
read_group(struct call *ca, const char *value)
{
	const struct group *gr = getgrnam(value);
	uint64_t number;

	if (gr == NULL && parse_u64(&number, value, 0, UINT32_MAX - 1) < 0)
		return "must be the name or number of a group";
	ca->create.group = gr != NULL ? gr->gr_gid : (gid_t)number;
	ca->create.set |= IPCQ_SET_GROUP;
	return NULL;
}

static const char *
read_priority(struct call *ca, const char *value)
{
	if (parse_i64(&ca->type, value, 0, IPCQ_PRIORITY_MAX) == 0)
		return NULL;
	return "must be a number from 0 to 32767";
}

/* What msgsnd(2) takes is less than what msgrcv(2) takes. */
static const char *
read_type(struct call *ca, const char *value)
{
	bool sends = ca->command->has_message;

	if (parse_i64(&ca->type, value, sends ? 1 : -INT64_MAX, INT64_MAX) == 0)
		return NULL;
	if (sends)
		return "must be a number from 1 to 2^63-1";
	return "must be a type, 0 for any, or -N for the lowest up to N";
}

static const char *
read_except(struct call *ca, const char *value)
{
	if (parse_i64(&ca->type, value, 1, INT64_MAX) == 0)
		return NULL;
	return "must be a number from 1 to 2^63-1";
}

static const char *
read_timeout(struct call *ca, const char *value)
{
	if (parse_duration(&ca->timeout_ms, value) == 0)
		return NULL;
	return "must be a duration with its unit, as 500ms or 10s";
}

static const char *
read_count(struct call *ca, const char *value)
{
	return read_number(&ca->count, value);
}

static const char *
read_position(struct call *ca, const char *value)
{
	if (parse_u64(&ca->position, value, 0, INT64_MAX) == 0)
		return NULL;
	return "must be a number, 0 for the first message";
}

static const char *
read_file(struct call *ca, const char *value)
{
	ca->file = value;
	return NULL;
}

static const char *
read_output(struct call *ca, const char *value)
{
	if (message_form_parse(&ca->output, value) == 0)
		return NULL;
	return "must be text, raw, hex or json";
}

static const char *
set_json(struct call *ca, const char *value)
{
	(void)value;
	ca->output = MESSAGE_JSON;
	return NULL;
}

/* An option without a value has has_arg 0 and, mostly, nothing to read. */
static const struct row {
	const char *name;
	int has_arg;
	unsigned bit;
	read_fn *read;
} rows[] = {
	{ "max-messages", 1, CALL_MAX_MESSAGES, read_max_messages },
	{ "message-size", 1, CALL_MESSAGE_SIZE, read_message_size },
	{ "max-bytes", 1, CALL_MAX_BYTES, read_max_bytes },
	{ "mode", 1, CALL_MODE, read_mode },
	{ "exclusive", 0, CALL_EXCLUSIVE, NULL },
	{ "owner", 1, CALL_OWNER, read_owner },
	{ "group", 1, CALL_GROUP, read_group },
	{ "priority", 1, CALL_PRIORITY, read_priority },
	{ "type", 1, CALL_TYPE, read_type },
	{ "except", 1, CALL_EXCEPT, read_except },
	{ "timeout", 1, CALL_TIMEOUT, read_timeout },
	{ "nonblock", 0, CALL_NONBLOCK, NULL },
	{ "file", 1, CALL_FILE, read_file },
	{ "lines", 0, CALL_LINES, NULL },
	{ "count", 1, CALL_COUNT, read_count },
	{ "all", 0, CALL_ALL, NULL },
	{ "follow", 0, CALL_FOLLOW, NULL },
	{ "output", 1, CALL_OUTPUT, read_output },
	{ "json", 0, CALL_JSON, set_json },
	{ "position", 1, CALL_POSITION, read_position },
	{ "split", 0, CALL_SPLIT, NULL },
};

/* At most one of each. */
static const unsigned alternatives[] = {
	CALL_TYPE | CALL_EXCEPT,
	CALL_TIMEOUT | CALL_NONBLOCK,
	CALL_FILE | CALL_LINES,
	CALL_LINES | CALL_SPLIT,
	CALL_COUNT | CALL_ALL | CALL_FOLLOW,
	CALL_OUTPUT | CALL_JSON,
};

/* What one kind of queue knows and the other does not. */
static const struct {
	unsigned options;
	enum ipcq_kind kind;
	const char *why;
} kinds[] = {
	{ CALL_MAX_MESSAGES | CALL_MESSAGE_SIZE | CALL_PRIORITY, IPCQ_POSIX,
	    "is for POSIX queues only" },
	{ CALL_MAX_BYTES | CALL_TYPE | CALL_EXCEPT, IPCQ_SYSV,
	    "is for System V queues only" },
};

int
call_usage(const struct call *ca, const char *what, const char *why)
{
	const char *name = ca->command != NULL ? ca->command->name : NULL;

	(void)fprintf(ca->err,
	    CALL_PROGRAM ": %s %s; see \"" CALL_PROGRAM "%s%s --help\"\n",
	    quote(what).text, why, name != NULL ? " " : "", name != NULL ? name : "");
	return CALL_USAGE;
}

/* The name of an option out of a set, as it is written. */
static const char *
option_name(char *buf, size_t size, unsigned set)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if ((rows[i].bit & set) != 0) {
			(void)snprintf(buf, size, "--%s", rows[i].name);
			break;
		}
	}
	return buf;
}

static int
read_option(struct call *ca, const struct row *ro, const char *value)
{
	const char *why = NULL;
	char name[32];

	(void)snprintf(name, sizeof(name), "--%s", ro->name);
	if ((ro->bit & ca->command->options) == 0)
		return call_usage(ca, name, "is not an option of this command");
	if (ro->read != NULL)
		why = ro->read(ca, value);
	if (why != NULL)
		return call_usage(ca, name, why);
	ca->given |= ro->bit;
	return 0;
}

static int
read_options(struct call *ca, int argc, char **argv)
{
	struct option options[ARRAY_LEN(rows) + 2] = { 0 };
	int rc = 0;
	int option;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		options[i] = (struct option){ rows[i].name, rows[i].has_arg, NULL,
			HELP + 1 + (int)i };
	options[ARRAY_LEN(rows)] = (struct option){ "help", no_argument, NULL, HELP };
	optind = 0; /* glibc: start anew; a test calls this several times */
	opterr = 0;
	while (
	    rc == 0 && (option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option == HELP)
			return 1;
		if (option > HELP)
			rc = read_option(ca, &rows[option - HELP - 1], optarg);
		else if (option == ':')
			rc = call_usage(ca, argv[optind - 1], "needs a value");
		else
			rc = call_usage(ca, argv[optind - 1], "is not an option");
	}
	return rc;
}

static int
check_alternatives(const struct call *ca)
{
	char second[32] = "";
	char first[32] = "";
	char why[64];

	for (size_t i = 0; i < ARRAY_LEN(alternatives); i++) {
		unsigned both = ca->given & alternatives[i];

		if ((both & (both - 1)) == 0)
			continue;
		/* The rows are in the order of the bits. */
		(void)option_name(second, sizeof(second), both & (both - 1));
		(void)snprintf(why, sizeof(why), "and %s exclude each other", second);
		return call_usage(ca, option_name(first, sizeof(first), both), why);
	}
	return 0;
}

static int
check_kind(const struct call *ca)
{
	char name[32] = "";

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		unsigned wrong = ca->given & kinds[i].options;

		if (kinds[i].kind != ca->kind && wrong != 0)
			return call_usage(
			    ca, option_name(name, sizeof(name), wrong), kinds[i].why);
	}
	return 0;
}

static int
read_uri(struct call *ca, const char *word)
{
	int rc;

	if (strcmp(word, IPCQ_PRIVATE) == 0 && !ca->command->may_be_private)
		return call_usage(ca, word, "is a name for create only");
	rc = ipcq_parse(word, &ca->kind);
	if (rc == -ENAMETOOLONG)
		return call_usage(ca, word,
		    "is too long: the name of a POSIX queue has 255 bytes at most behind "
		    "its slash, any URI 4095");
	if (rc < 0)
		return call_usage(ca, word,
		    "is not the name of a queue, as posix:/NAME, sysv:KEY, "
		    "sysv:/PATH#PROJECT or sysv:id:ID");
	ca->uri = word;
	return check_kind(ca);
}

/* The words that are no options. */
static int
read_words(struct call *ca, char **words, int n)
{
	int wanted = ca->command->has_uri + ca->command->has_message;
	int rc;

	if (n > wanted)
		return call_usage(ca, words[wanted], "is one argument too many");
	if (!ca->command->has_uri)
		return 0;
	if (n == 0)
		return call_usage(ca, "the name of a queue", "is missing");
	rc = read_uri(ca, words[0]);
	if (rc != 0 || n == 1)
		return rc;
	ca->message = words[1];
	if ((ca->given & (CALL_FILE | CALL_LINES)) != 0)
		return call_usage(ca, "a MESSAGE", "excludes --file and --lines");
	return 0;
}

int
call_read(struct call *ca, int argc, char **argv)
{
	int rc;

	rc = read_options(ca, argc, argv);
	if (rc == 0)
		rc = check_alternatives(ca);
	if (rc == 0)
		rc = read_words(ca, argv + optind, argc - optind);
	return rc;
}
