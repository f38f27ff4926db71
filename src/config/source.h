/* The text of a configuration, its includes put in place, and where each line of it
 * stands. Internal to the layer.
 *
 * libconfig 1.5 could include by itself, but it ends the process when an include is a
 * directory, drops bytes 0 and what follows an open comment, and wraps integers of more
 * than 32 bits. So the text is read and looked through here, and libconfig gets one
 * string. */
#ifndef MQBRIDGE_CONFIG_SOURCE_H
#define MQBRIDGE_CONFIG_SOURCE_H

#include <stddef.h>

#include "base/compiler.h"
#include "config/conf.h"

struct fault_list;

#define SOURCE_FILE_MAX   ((size_t)1 << 20) /* bytes of one file */
#define SOURCE_TEXT_MAX   ((size_t)4 << 20) /* bytes with all includes */
#define SOURCE_DEPTH_MAX  10                /* includes in includes, as in libconfig */
#define SOURCE_NESTED_MAX 50 /* brackets in brackets; libconfig recurses */

struct source_line {
	size_t file;
	int line;
};

/* An integer that libconfig cannot hold, and which it takes for another one. */
struct source_wide {
	size_t line; /* joined, like name_line */
	size_t name_line;
	long long taken_for;
};

struct source {
	char *text; /* with a NUL behind it */
	size_t len;
	size_t room;
	struct source_line *lines; /* of line 1 and so on */
	size_t n_lines;
	size_t lines_room;
	struct source_wide *wides;
	size_t n_wides;
	size_t wides_room;
	char **files; /* [0]: the configuration itself; then one for each include */
	size_t n_files;
	size_t files_room;
	int incomplete; /* an include could not be read */
};

/* Read file and all that it includes; faults tell what is wrong. 0: the text can be
 * parsed, though there may be faults; else -errno. The caller ends it with
 * source_done() in any case. */
int source_read(struct source *src, const char *file, struct fault_list *fl) MUST_CHECK;
void source_done(struct source *src);

/* The file and line of a line of the joined text. */
struct conf_place source_place(const struct source *src, size_t line);

/* Was the integer, told by libconfig to belong to that line, wrapped by it? */
int source_is_wrapped(const struct source *src, size_t line, long long value);

#endif
