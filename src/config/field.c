#include "config/field.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "base/parse.h"
#include "base/quote.h"
#include "base/take.h"
#include "config/check_address.h"
#include "config/check_uri.h"
#include "config/load.h"

const char field_required[] = "";

/* Why a text is not taken. */
struct why {
	char text[QUOTE_MAX + 200];
};

/* Set the member by the text: 0, or -errno and why. */
typedef int set_fn(
    const struct field *fd, const char *text, void *member, struct why *why);

static int no(struct why *why, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int
no(struct why *why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return -EINVAL;
}

static int
set_text(const struct field *fd, const char *text, void *member, struct why *why)
{
	size_t len = strlen(text);
	char *copy;

	if (len < fd->min || len > fd->max)
		return no(why, "has %zu bytes, must have from %" PRIu64 " to %" PRIu64,
		    len, fd->min, fd->max);
	copy = strdup(text);
	if (copy == NULL)
		return no(why, "out of memory");
	*(char **)member = copy;
	return 0;
}

static int
set_path(const struct field *fd, const char *text, void *member, struct why *why)
{
	if (text[0] != '/')
		return no(why, "\"%s\" must be an absolute path", quote(text).text);
	return set_text(fd, text, member, why);
}

static int
set_uri(const struct field *fd, const char *text, void *member, struct why *why)
{
	enum conf_kind kind;
	const char *fault = check_uri(&kind, text);

	if (fault != NULL)
		return no(why, "\"%s\": %s", quote(text).text, fault);
	return set_text(fd, text, member, why);
}

static int
set_take(const struct field *fd, const char *text, void *member, struct why *why)
{
	struct take tk;

	if (take_parse(&tk, text) < 0)
		return no(why,
		    "\"%s\" must be \"\" (all), \"TYPE\", \"..TYPE\" or \"not TYPE\", "
		    "with a type from 1",
		    quote(text).text);
	return set_text(fd, text, member, why);
}

static int
set_address(const struct field *fd, const char *text, void *member, struct why *why)
{
	struct check_address ca;
	const char *fault = check_address(&ca, text);

	if (fault != NULL)
		return no(why, "\"%s\": %s", quote(text).text, fault);
	return set_text(fd, text, member, why);
}

static int
set_http(const struct field *fd, const char *text, void *member, struct why *why)
{
	struct check_address ca;
	const char *fault = check_address_http(&ca, text);

	if (fault != NULL)
		return no(why, "\"%s\": %s", quote(text).text, fault);
	return set_text(fd, text, member, why);
}

static int
set_size(const struct field *fd, const char *text, void *member, struct why *why)
{
	char low[32];
	char high[32];
	uint64_t bytes = 0;
	int rc = parse_size(&bytes, text);

	if (rc == -EINVAL)
		return no(why, "\"%s\" must be a size with a unit, such as \"64MiB\"",
		    quote(text).text);
	if (rc < 0 || bytes < fd->min || bytes > fd->max)
		return no(why, "\"%s\" must be from %s to %s", quote(text).text,
		    format_size(low, sizeof(low), fd->min),
		    format_size(high, sizeof(high), fd->max));
	*(uint64_t *)member = bytes;
	return 0;
}

static int
set_duration(const struct field *fd, const char *text, void *member, struct why *why)
{
	char low[32];
	char high[32];
	uint64_t ms = 0;
	int rc = parse_duration(&ms, text);

	if (rc == -EINVAL)
		return no(why, "\"%s\" must be a duration with a unit, such as \"10s\"",
		    quote(text).text);
	if (rc < 0 || ms < fd->min || ms > fd->max)
		return no(why, "\"%s\" must be from %s to %s", quote(text).text,
		    format_duration(low, sizeof(low), fd->min),
		    format_duration(high, sizeof(high), fd->max));
	*(uint32_t *)member = (uint32_t)ms;
	return 0;
}

static int
set_mode(const struct field *fd, const char *text, void *member, struct why *why)
{
	uint32_t bits = 0;
	int rc = parse_mode(&bits, text);

	if (rc < 0 || bits < fd->min || bits > fd->max)
		return no(why,
		    "\"%s\" must be permission bits in octal, from \"%04" PRIo64
		    "\" to \"%04" PRIo64 "\"",
		    quote(text).text, fd->min, fd->max);
	*(mode_t *)member = bits;
	return 0;
}

static int
set_switch(const struct field *fd, const char *text, void *member, struct why *why)
{
	(void)fd;
	(void)why;
	*(bool *)member = strcmp(text, "true") == 0;
	return 0;
}

/* The words of a choice as "\"a\", \"b\" or \"c\"". */
static void
list_choices(char *buf, size_t size, const char *words)
{
	size_t at = 0;

	for (const char *word = words; *word != '\0' && at < size;) {
		size_t len = strcspn(word, "|");
		const char *after = word[len] == '\0' ? "" : ", ";

		if (word[len] == '|' && strchr(word + len + 1, '|') == NULL)
			after = " or ";
		at += (size_t)snprintf(
		    buf + at, size - at, "\"%.*s\"%s", (int)len, word, after);
		word += len + (word[len] == '|');
	}
}

static int
set_choice(const struct field *fd, const char *text, void *member, struct why *why)
{
	size_t text_len = strlen(text);
	char all[160] = "";
	int i = 0;

	for (const char *word = fd->preset; *word != '\0'; i++) {
		size_t len = strcspn(word, "|");

		if (len == text_len && memcmp(word, text, len) == 0) {
			*(int *)member = i;
			return 0;
		}
		word += len + (word[len] == '|');
	}
	list_choices(all, sizeof(all), fd->preset);
	return no(why, "\"%s\" must be %s", quote(text).text, all);
}

static int
set_number(const struct field *fd, const char *text, void *member, struct why *why)
{
	if (parse_u64(member, text, fd->min, fd->max) < 0)
		return no(
		    why, "must be from %" PRIu64 " to %" PRIu64, fd->min, fd->max);
	return 0;
}

/* A number must be known too: a queue of an owner whom nobody knows is a slip. The id
 * -1 means "leave it" in many calls. */
static int
set_user(const struct field *fd, const char *text, void *member, struct why *why)
{
	const struct passwd *pw = getpwnam(text);
	uint64_t id = 0;

	(void)fd;
	if (pw == NULL && parse_u64(&id, text, 0, UINT32_MAX - 1) == 0)
		pw = getpwuid((uid_t)id);
	if (pw == NULL)
		return no(why, "there is no user \"%s\"", quote(text).text);
	*(uid_t *)member = pw->pw_uid;
	return 0;
}

static int
set_group(const struct field *fd, const char *text, void *member, struct why *why)
{
	const struct group *gr = getgrnam(text);
	uint64_t id = 0;

	(void)fd;
	if (gr == NULL && parse_u64(&id, text, 0, UINT32_MAX - 1) == 0)
		gr = getgrgid((gid_t)id);
	if (gr == NULL)
		return no(why, "there is no group \"%s\"", quote(text).text);
	*(gid_t *)member = gr->gr_gid;
	return 0;
}

/* How a value may stand in the file. */
#define FORM_STRING 0x1u
#define FORM_NUMBER 0x2u
#define FORM_SWITCH 0x4u
#define FORM_LIST   0x8u

static const struct {
	const char *wanted;
	set_fn *set; /* by text */
	unsigned forms;
	/* Of lists: */
	enum field_type element;
	size_t width; /* of an element, bytes */
} types[] = {
	[FIELD_TEXT] = { "a string", set_text, FORM_STRING, 0, 0 },
	[FIELD_PATH] = { "a string", set_path, FORM_STRING, 0, 0 },
	[FIELD_URI] = { "a string such as \"posix:/orders\"", set_uri, FORM_STRING, 0,
	    0 },
	[FIELD_TAKE] = { "a string such as \"not 7\"", set_take, FORM_STRING, 0, 0 },
	[FIELD_ADDRESS] = { "a string such as \"tcp://127.0.0.1:7411\"", set_address,
	    FORM_STRING, 0, 0 },
	[FIELD_HTTP] = { "a string such as \"http://127.0.0.1:7412\"", set_http,
	    FORM_STRING, 0, 0 },
	[FIELD_SIZE] = { "a string with a unit, such as \"64MiB\"", set_size,
	    FORM_STRING, 0, 0 },
	[FIELD_DURATION] = { "a string with a unit, such as \"10s\"", set_duration,
	    FORM_STRING, 0, 0 },
	[FIELD_MODE] = { "a string such as \"0660\"", set_mode, FORM_STRING, 0, 0 },
	[FIELD_SWITCH] = { "true or false", set_switch, FORM_SWITCH, 0, 0 },
	[FIELD_CHOICE] = { "a string", set_choice, FORM_STRING, 0, 0 },
	[FIELD_NUMBER] = { "a whole number", set_number, FORM_NUMBER, 0, 0 },
	[FIELD_USER] = { "a user, by name or number", set_user,
	    FORM_STRING | FORM_NUMBER, 0, 0 },
	[FIELD_GROUP] = { "a group, by name or number", set_group,
	    FORM_STRING | FORM_NUMBER, 0, 0 },
	[FIELD_NAMES] = { "a list of strings, ( \"a\", \"b\" )", NULL, FORM_LIST,
	    FIELD_TEXT, sizeof(char *) },
	[FIELD_USERS] = { "a list of users, by name or number", NULL, FORM_LIST,
	    FIELD_USER, sizeof(uid_t) },
	[FIELD_GROUPS] = { "a list of groups, by name or number", NULL, FORM_LIST,
	    FIELD_GROUP, sizeof(gid_t) },
};

static unsigned
form_of(const config_setting_t *st)
{
	switch (config_setting_type(st)) {
	case CONFIG_TYPE_STRING:
		return FORM_STRING;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return FORM_NUMBER;
	case CONFIG_TYPE_BOOL:
		return FORM_SWITCH;
	case CONFIG_TYPE_LIST:
	case CONFIG_TYPE_ARRAY:
		return FORM_LIST;
	default:
		return 0;
	}
}

const char *
field_found(const config_setting_t *st)
{
	switch (config_setting_type(st)) {
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "a whole number";
	case CONFIG_TYPE_FLOAT:
		return "a number with a fraction";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_LIST:
	case CONFIG_TYPE_ARRAY:
		return "a list";
	default:
		return "a group";
	}
}

static void
report_form(struct load *ld, const struct field *fd, const config_setting_t *st)
{
	load_fault(
	    ld, st, "must be %s, not %s", types[fd->type].wanted, field_found(st));
}

/* One value into its member. */
static void
load_value(
    struct load *ld, const struct field *fd, const config_setting_t *st, void *member)
{
	char digits[24];
	struct why why;
	const char *text = digits;
	long long value;

	switch (config_setting_type(st)) {
	case CONFIG_TYPE_STRING:
		text = config_setting_get_string(st);
		break;
	case CONFIG_TYPE_BOOL:
		text = config_setting_get_bool(st) ? "true" : "false";
		break;
	default:
		value = config_setting_get_int64(st);
		(void)snprintf(digits, sizeof(digits), "%lld", value);
		/* No number, so it meets the words for one that is out of bounds. */
		if (source_is_wrapped(&ld->src, config_setting_source_line(st), value))
			text = "(too large)";
	}
	if (types[fd->type].set(fd, text == NULL ? "" : text, member, &why) < 0)
		load_fault(ld, st, "%s", why.text);
}

static void
load_form(
    struct load *ld, const struct field *fd, const config_setting_t *st, void *object)
{
	if ((form_of(st) & types[fd->type].forms) == 0)
		report_form(ld, fd, st);
	else
		load_value(ld, fd, st, (char *)object + fd->offset);
}

static void
load_list(
    struct load *ld, const struct field *fd, const config_setting_t *st, void *member)
{
	struct field element = *fd;
	size_t width = types[fd->type].width;
	char *items = NULL;
	int count = load_items(ld, st, width, member, &items);

	element.type = types[fd->type].element;
	for (int i = 0; i < count; i++) {
		element.offset = (size_t)i * width;
		load_form(
		    ld, &element, config_setting_get_elem(st, (unsigned)i), items);
	}
}

void
field_load(
    struct load *ld, const struct field *fd, const config_setting_t *st, void *object)
{
	if (types[fd->type].forms != FORM_LIST)
		load_form(ld, fd, st, object);
	else if (form_of(st) == FORM_LIST)
		load_list(ld, fd, st, (char *)object + fd->offset);
	else
		report_form(ld, fd, st);
}

int
field_preset(const struct field *fd, void *object)
{
	void *member = (char *)object + fd->offset;
	struct why why;

	if (fd->type == FIELD_USER)
		*(uid_t *)member = (uid_t)-1;
	else if (fd->type == FIELD_GROUP)
		*(gid_t *)member = (gid_t)-1;
	if (fd->type == FIELD_CHOICE) {
		*(int *)member = 0;
		return 0;
	}
	/* A preset is right, so only memory can be wanting. */
	if (fd->preset != NULL && types[fd->type].set(fd, fd->preset, member, &why) < 0)
		return -ENOMEM;
	return 0;
}
