#include "config/check_uri.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/parse.h"

#define SCHEME_POSIX   "posix:"
#define SCHEME_SYSV    "sysv:"
#define FORM_ID        "id:"
#define POSIX_NAME_MAX 255 /* bytes behind the slash: NAME_MAX */
#define PROJECT_MAX    255 /* ftok(3) uses the low 8 bits only */

/* The rest of text behind prefix, or NULL. */
static const char *
behind(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static const char *
check_posix(const char *name)
{
	if (name[0] != '/' || name[1] == '\0' || strchr(name + 1, '/') != NULL)
		return "a POSIX queue is posix:/NAME, with no other slash";
	if (strlen(name + 1) > POSIX_NAME_MAX)
		return "the name of a POSIX queue has at most 255 bytes";
	return NULL;
}

static const char *
check_sysv(const char *text)
{
	const char *project = strrchr(text, '#');
	uint64_t value;

	if (behind(text, FORM_ID) != NULL)
		return "the id changes with each new queue; name it by its key";
	if (text[0] == '/')
		return project != NULL &&
			       parse_u64(&value, project + 1, 1, PROJECT_MAX) == 0
			   ? NULL
			   : "a path needs a project id, sysv:/PATH#1 to #255";
	if (parse_u64(&value, text, 1, UINT32_MAX) < 0)
		return "a System V queue is sysv:KEY, KEY from 1 to 0xffffffff, or "
		       "sysv:/PATH#PROJECT";
	return NULL;
}

const char *
check_uri(enum conf_kind *ret_kind, const char *text)
{
	const char *posix = behind(text, SCHEME_POSIX);
	const char *sysv = behind(text, SCHEME_SYSV);
	const char *fault;

	if (posix == NULL && sysv == NULL)
		return "a queue is posix:/NAME, sysv:KEY or sysv:/PATH#PROJECT";
	fault = posix != NULL ? check_posix(posix) : check_sysv(sysv);
	if (fault != NULL)
		return fault;
	if (strlen(text) > CHECK_URI_MAX)
		return "has more than 511 bytes";
	*ret_kind = posix != NULL ? CONF_POSIX : CONF_SYSV;
	return NULL;
}

bool
check_uri_same(const char *a, const char *b)
{
	const char *a_key = behind(a, SCHEME_SYSV);
	const char *b_key = behind(b, SCHEME_SYSV);
	uint64_t a_value;
	uint64_t b_value;

	/* One key in two spellings. */
	if (a_key != NULL && b_key != NULL &&
	    parse_u64(&a_value, a_key, 1, UINT32_MAX) == 0 &&
	    parse_u64(&b_value, b_key, 1, UINT32_MAX) == 0)
		return a_value == b_value;
	return strcmp(a, b) == 0;
}
