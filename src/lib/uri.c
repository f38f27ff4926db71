#include "lib/uri.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/ipc.h>

#include "base/parse.h"

#define SCHEME_POSIX "posix:"
#define SCHEME_SYSV  "sysv:"
#define FORM_ID      "id:"
#define PROJECT_MAX  255 /* ftok(3) uses the low 8 bits only */

/* The rest of text behind prefix, or NULL. */
static const char *
behind(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static int
parse_posix(struct uri *u, const char *name)
{
	size_t len;

	if (name[0] != '/' || name[1] == '\0' || strchr(name + 1, '/') != NULL)
		return -EINVAL;
	len = strlen(name);
	if (len > URI_POSIX_MAX + 1)
		return -ENAMETOOLONG;
	u->form = URI_POSIX;
	memcpy(u->path, name, len + 1);
	return 0;
}

/* The path may hold a '#' itself: the last one counts. */
static int
parse_ftok(struct uri *u, const char *text)
{
	const char *mark = strrchr(text, '#');
	uint64_t project = 0;
	size_t len;

	if (mark == NULL || parse_u64(&project, mark + 1, 1, PROJECT_MAX) < 0)
		return -EINVAL;
	len = (size_t)(mark - text);
	u->form = URI_FTOK;
	u->project = (int)project;
	memcpy(u->path, text, len);
	u->path[len] = '\0';
	return 0;
}

static int
parse_sysv(struct uri *u, const char *text)
{
	const char *number = behind(text, FORM_ID);
	uint64_t value = 0;

	if (text[0] == '/')
		return parse_ftok(u, text);
	if (number != NULL) {
		if (parse_u64(&value, number, 0, INT_MAX) < 0)
			return -EINVAL;
		u->form = URI_ID;
		u->id = (int)value;
		return 0;
	}
	/* Key 0 is IPC_PRIVATE: no queue can be found by it. */
	if (parse_u64(&value, text, 1, UINT32_MAX) < 0)
		return -EINVAL;
	u->form = URI_KEY;
	u->key = (uint32_t)value;
	return 0;
}

int
uri_parse(struct uri *ret, const char *text)
{
	const char *rest;

	if (strnlen(text, IPCQ_URI_MAX) == IPCQ_URI_MAX)
		return -ENAMETOOLONG;
	if (strcmp(text, IPCQ_PRIVATE) == 0) {
		ret->form = URI_PRIVATE;
		return 0;
	}
	rest = behind(text, SCHEME_POSIX);
	if (rest != NULL)
		return parse_posix(ret, rest);
	rest = behind(text, SCHEME_SYSV);
	if (rest != NULL)
		return parse_sysv(ret, rest);
	return -EINVAL;
}

enum ipcq_kind
uri_kind(const struct uri *u)
{
	return u->form == URI_POSIX ? IPCQ_POSIX : IPCQ_SYSV;
}

int
uri_key(key_t *ret, const struct uri *u)
{
	key_t key;

	if (u->form == URI_KEY) {
		*ret = (key_t)u->key;
		return 0;
	}
	/* Key 0xffffffff looks like a failure; only errno can tell. */
	errno = 0;
	key = ftok(u->path, u->project);
	if (key == -1 && errno != 0)
		return -errno;
	*ret = key;
	return 0;
}
