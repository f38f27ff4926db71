#include "config/suggest.h"

#include <string.h>

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t
suggest_distance(const char *a, const char *b)
{
	/* rows[i][j]: from the first i letters of a to the first j of b. */
	size_t rows[SUGGEST_MAX + 1][SUGGEST_MAX + 1];
	size_t a_len = strnlen(a, SUGGEST_MAX + 1);
	size_t b_len = strnlen(b, SUGGEST_MAX + 1);

	if (a_len > SUGGEST_MAX || b_len > SUGGEST_MAX)
		return SUGGEST_MAX + 1;
	for (size_t i = 0; i <= a_len; i++)
		rows[i][0] = i;
	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		for (size_t j = 1; j <= b_len; j++) {
			size_t change = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			size_t add = least(rows[i - 1][j], rows[i][j - 1]) + 1;

			rows[i][j] = least(change, add);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1);
		}
	}
	return rows[a_len][b_len];
}

int
suggest_fits(const char *text, const char *known, size_t distance)
{
	size_t len = least(strlen(text), strlen(known));

	return distance <= 1 + len / 4 && distance < len;
}
