#include "tools/ipcq_row.h"

#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/quote.h"
#include "tools/ipcq_json.h"

#define NS_PER_S INT64_C(1000000000)

enum field_form {
	FIELD_NUMBER,
	FIELD_KEY,  /* hexadecimal; 0 is none */
	FIELD_PID,  /* 0 is none */
	FIELD_TIME, /* seconds since 1970; 0 is never */
	FIELD_TEXT,
};

/* One thing to show. */
struct field {
	const char *name; /* of the JSON member and the line */
	enum field_form form;
	bool known;
	int64_t number;
	char text[64];
};

#define FIELD_COUNT 16 /* at most */

/* Written one after the other. */
struct fields {
	struct field all[FIELD_COUNT];
	size_t n;
};

static void
add(struct fields *fs, const char *name, enum field_form form, bool known,
    int64_t number)
{
	struct field *fi = &fs->all[fs->n++];

	fi->name = name;
	fi->form = form;
	fi->number = number;
	fi->known = known && (form == FIELD_NUMBER || number != 0);
}

static void
add_text(struct fields *fs, const char *name, const char *text)
{
	struct field *fi = &fs->all[fs->n++];

	fi->name = name;
	fi->form = FIELD_TEXT;
	fi->known = true;
	(void)snprintf(fi->text, sizeof(fi->text), "%s", text);
}

/* The name of a user or group, or else its number. */
static void
name_owner(char *buf, size_t size, uid_t id)
{
	const struct passwd *pw = getpwuid(id);

	if (pw != NULL)
		(void)snprintf(buf, size, "%s", pw->pw_name);
	else
		(void)snprintf(buf, size, "%u", id);
}

static void
name_group(char *buf, size_t size, gid_t id)
{
	const struct group *gr = getgrgid(id);

	if (gr != NULL)
		(void)snprintf(buf, size, "%s", gr->gr_name);
	else
		(void)snprintf(buf, size, "%u", id);
}

static void
collect_sysv(struct fields *fs, const struct ipcq_listed *li)
{
	bool parties = (li->known & IPCQ_KNOWN_PARTIES) != 0;

	add(fs, "id", FIELD_NUMBER, parties, li->id);
	add(fs, "key", FIELD_KEY, parties, li->key);
	add(fs, "last_sender", FIELD_PID, parties, li->last_sender);
	add(fs, "last_receiver", FIELD_PID, parties, li->last_receiver);
	add(fs, "last_send", FIELD_TIME, parties, li->last_send_s);
	add(fs, "last_receive", FIELD_TIME, parties, li->last_receive_s);
	add(fs, "last_change", FIELD_TIME, parties, li->last_change_s);
}

static void
collect(struct fields *fs, const struct ipcq_listed *li)
{
	const struct ipcq_attributes *at = &li->attributes;
	bool limits = (li->known & IPCQ_KNOWN_LIMITS) != 0;
	bool posix = at->kind == IPCQ_POSIX;
	char text[64];

	fs->n = 0;
	add_text(fs, "kind", posix ? "posix" : "sysv");
	add(fs, "messages", FIELD_NUMBER, (li->known & IPCQ_KNOWN_DEPTH) != 0,
	    (int64_t)at->messages);
	if (posix)
		add(fs, "max_messages", FIELD_NUMBER, limits,
		    (int64_t)at->max_messages);
	add(fs, "message_size", FIELD_NUMBER, limits, (int64_t)at->message_size);
	add(fs, "bytes", FIELD_NUMBER, (li->known & IPCQ_KNOWN_BYTES) != 0,
	    (int64_t)at->bytes);
	add(fs, "max_bytes", FIELD_NUMBER, limits, (int64_t)at->max_bytes);
	(void)snprintf(text, sizeof(text), "%04o", (unsigned)at->mode);
	add_text(fs, "mode", text);
	name_owner(text, sizeof(text), at->owner);
	add_text(fs, "owner", text);
	name_group(text, sizeof(text), at->group);
	add_text(fs, "group", text);
	if (posix)
		add(fs, "notify_pid", FIELD_PID, (li->known & IPCQ_KNOWN_NOTIFY) != 0,
		    li->notify_pid);
	else
		collect_sysv(fs, li);
}

static const char *
field_text(char *buf, size_t size, const struct field *fi)
{
	if (!fi->known)
		(void)snprintf(buf, size, "-");
	else if (fi->form == FIELD_TEXT)
		(void)snprintf(buf, size, "%s", fi->text);
	else if (fi->form == FIELD_KEY)
		(void)snprintf(buf, size, "0x%" PRIx64, fi->number);
	else if (fi->form == FIELD_TIME)
		(void)clock_format(buf, size, fi->number * NS_PER_S);
	else
		(void)snprintf(buf, size, "%" PRId64, fi->number);
	return buf;
}

static json_t *
field_json(const struct field *fi)
{
	char text[64];

	if (!fi->known)
		return json_null();
	if (fi->form == FIELD_NUMBER || fi->form == FIELD_PID)
		return json_integer(fi->number);
	return json_string(field_text(text, sizeof(text), fi));
}

json_t *
row_json(const struct ipcq_listed *li, const char *uri)
{
	json_t *all = json_object();
	struct fields fs;
	int rc;

	if (all == NULL)
		return NULL;
	collect(&fs, li);
	rc = json_set_bytes(all, "uri", uri, strlen(uri));
	for (size_t i = 0; rc == 0 && i < fs.n; i++)
		rc = json_object_set_new(all, fs.all[i].name, field_json(&fs.all[i]));
	if (rc == 0)
		return all;
	json_decref(all);
	return NULL;
}

void
row_print_lines(const struct ipcq_listed *li, const char *uri, FILE *out)
{
	struct fields fs;
	char text[64];

	collect(&fs, li);
	(void)fprintf(out, "uri: %s\n", quote(uri).text);
	for (size_t i = 0; i < fs.n; i++)
		(void)fprintf(out, "%s: %s\n", fs.all[i].name,
		    field_text(text, sizeof(text), &fs.all[i]));
}

void
row_print(const struct ipcq_listed *li, FILE *out)
{
	/* In the order of the columns, with their widths. */
	static const struct {
		const char *name;
		int width;
	} columns[] = {
		{ "mode", -4 },
		{ "owner", -10 },
		{ "group", -10 },
		{ "messages", 8 },
		{ "max_messages", 12 },
		{ "message_size", 12 },
		{ "bytes", 8 },
		{ "max_bytes", 10 },
		{ "last_sender", 11 },
		{ "last_receiver", 13 },
	};
	struct fields fs = { .n = 0 };
	char text[64];

	if (li != NULL)
		collect(&fs, li);
	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		const char *value = li != NULL ? "-" : columns[i].name;

		for (size_t k = 0; k < fs.n; k++) {
			if (strcmp(fs.all[k].name, columns[i].name) == 0)
				value = field_text(text, sizeof(text), &fs.all[k]);
		}
		(void)fprintf(out, "%*s ", columns[i].width, value);
	}
	(void)fprintf(out, " %s\n", li != NULL ? quote(li->uri).text : "uri");
}
