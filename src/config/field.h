/* The rows that describe each key, and what each type of key takes. Internal to the
 * layer. */
#ifndef MQBRIDGE_CONFIG_FIELD_H
#define MQBRIDGE_CONFIG_FIELD_H

#include <libconfig.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct load;

enum field_type {       /* the member's type; min and max */
	FIELD_TEXT,     /* char *; bytes */
	FIELD_PATH,     /* char *, absolute; bytes */
	FIELD_URI,      /* char *, a queue; bytes */
	FIELD_TAKE,     /* char *, base/take.h; bytes */
	FIELD_ADDRESS,  /* char *, tcp:// or unix://; bytes */
	FIELD_HTTP,     /* char *, http:// or unix://; bytes */
	FIELD_SIZE,     /* uint64_t; bytes */
	FIELD_DURATION, /* uint32_t; milliseconds */
	FIELD_MODE,     /* mode_t; the bits */
	FIELD_SWITCH,   /* bool */
	FIELD_CHOICE,   /* int: which of the words of preset; the first is the preset */
	FIELD_NUMBER,   /* uint64_t; itself */
	FIELD_USER,     /* uid_t, by name or number */
	FIELD_GROUP,    /* gid_t, by name or number */
	FIELD_NAMES,    /* char **, count behind it; bytes of each */
	FIELD_USERS,    /* uid_t *, count behind it */
	FIELD_GROUPS,   /* gid_t *, count behind it */
	FIELD_PART, /* a group of more members of the same object; bool: is it there */
	FIELD_OBJECTS, /* a list of groups: the objects of part, count behind it */
};

struct field_table {
	const struct field *fields;
	size_t count;
	size_t width; /* bytes of an object; 0 for a part */
};

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
	uint64_t min;
	uint64_t max;
	/* As it would be written; NULL: zero, or for ids -1. FIELD_CHOICE: "first|second|..." */
	const char *preset;
	const struct field_table *part;
};

/* For preset: the key must be there. */
extern const char field_required[];

/* Set the member of fd in object by its setting; faults go to ld. Not for FIELD_PART
 * and FIELD_OBJECTS. */
void field_load(
    struct load *ld, const struct field *fd, const config_setting_t *st, void *object);
/* The same by the preset, not field_required: 0 or -ENOMEM. */
int field_preset(const struct field *fd, void *object) MUST_CHECK;

/* "a string", "a number" and so on: what stands there. */
const char *field_found(const config_setting_t *st);

#endif
