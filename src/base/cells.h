/* Cells of a terminal that UTF-8 text takes: two for a wide character (of Chinese, Japanese and
 * Korean, many pictures), none for one that is drawn over the one before. By wcwidth(3), so the
 * locale must be one of UTF-8: in any other, text beyond ASCII counts one a character. */
#ifndef MQBRIDGE_BASE_CELLS_H
#define MQBRIDGE_BASE_CELLS_H

#include <locale.h>
#include <stddef.h>

/* Of this thread, whatever its own locale is, from begin to end. */
struct cells {
	locale_t utf8, before;
};

void cells_begin(struct cells *pc);
void cells_end(struct cells *pc);

/* Bytes, 1 or more, of what len bytes, 1 or more, begin with: a character with all that is
 * drawn over it; and the cells for it. */
size_t cells_next(size_t *ret, const char *bytes, size_t len);
size_t cells_count(const char *bytes, size_t len);

#endif
