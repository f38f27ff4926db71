#include "config/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/quote.h"
#include "config/array.h"
#include "config/fault.h"
#include "config/scan.h"

static int
add_file(struct source *src, char *name)
{
	if (name == NULL || array_reserve(&src->files, &src->files_room, src->n_files,
				1, sizeof(*src->files)) < 0) {
		free(name);
		return -ENOMEM;
	}
	src->files[src->n_files++] = name;
	return 0;
}

/* Names are relative to the file that includes them. */
static char *
resolve(const char *from, const char *name)
{
	const char *slash = strrchr(from, '/');
	size_t dir = slash == NULL || name[0] == '/' ? 0 : (size_t)(slash - from) + 1;
	size_t len = strlen(name);
	char *path = malloc(dir + len + 1);

	if (path == NULL)
		return NULL;
	memcpy(path, from, dir);
	memcpy(path + dir, name, len + 1);
	return path;
}

static const char *
reading_failure(int rc)
{
	return rc == -EFBIG ? "is larger than 1 MiB" : strerror(-rc);
}

static int
read_file(struct scan *sc, size_t line)
{
	size_t file = sc->src->n_files - 1;
	const char *name = sc->src->files[file];
	size_t len = 0;
	char *text = NULL;
	int rc;

	rc = file_read(&text, &len, AT_FDCWD, name, SOURCE_FILE_MAX);
	if (rc < 0) {
		if (line == 0)
			fault_add(sc->fl, 0, "file", "cannot be read: %s",
			    reading_failure(rc));
		else
			fault_add(sc->fl, line, "@include", "%s cannot be read: %s",
			    quote(name).text, reading_failure(rc));
		if (rc == -ENOMEM || line == 0)
			return rc;
		/* Go on: the rest may have faults of its own. */
		sc->src->incomplete = 1;
		return 0;
	}
	rc = scan_text(sc, file, text, len);
	free(text);
	return rc;
}

int
source_include(struct scan *sc, size_t file, const char *name)
{
	size_t line = sc->src->n_lines;
	int rc;

	if (sc->depth >= SOURCE_DEPTH_MAX) {
		fault_add(sc->fl, line, "@include",
		    "more than %d files include one another", SOURCE_DEPTH_MAX);
		return -EINVAL;
	}
	rc = add_file(sc->src, resolve(sc->src->files[file], name));
	if (rc < 0)
		return rc;
	sc->depth++;
	rc = read_file(sc, line);
	sc->depth--;
	return rc;
}

int
source_read(struct source *src, const char *file, struct fault_list *fl)
{
	struct scan sc = { .src = src, .fl = fl };
	int rc;

	*src = (struct source){ 0 };
	rc = add_file(src, strdup(file));
	if (rc == 0)
		rc = read_file(&sc, 0);
	return rc;
}

void
source_done(struct source *src)
{
	for (size_t i = 0; i < src->n_files; i++)
		free(src->files[i]);
	free(src->files);
	free(src->text);
	free(src->lines);
	free(src->wides);
	*src = (struct source){ 0 };
}

struct conf_place
source_place(const struct source *src, size_t line)
{
	struct conf_place at = { "", 0 };

	if (src->n_files > 0)
		at.file = src->files[0];
	if (line == 0 || src->n_lines == 0)
		return at;
	if (line > src->n_lines)
		line = src->n_lines;
	at.file = src->files[src->lines[line - 1].file];
	at.line = src->lines[line - 1].line;
	return at;
}

int
source_is_wrapped(const struct source *src, size_t line, long long value)
{
	for (size_t i = 0; i < src->n_wides; i++) {
		const struct source_wide *wide = &src->wides[i];

		if (wide->taken_for == value &&
		    (wide->line == line || wide->name_line == line))
			return 1;
	}
	return 0;
}
