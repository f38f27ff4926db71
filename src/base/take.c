#include "base/take.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/parse.h"

#define PREFIX_UP_TO  ".."
#define PREFIX_EXCEPT "not "

int
take_parse(struct take *ret, const char *text)
{
	struct take tk = { 0 };
	bool up_to = false;

	if (text == NULL || *text == '\0') {
		*ret = tk;
		return 0;
	}
	if (strncmp(text, PREFIX_UP_TO, strlen(PREFIX_UP_TO)) == 0) {
		up_to = true;
		text += strlen(PREFIX_UP_TO);
	} else if (strncmp(text, PREFIX_EXCEPT, strlen(PREFIX_EXCEPT)) == 0) {
		tk.except = true;
		text += strlen(PREFIX_EXCEPT);
	}
	if (parse_i64(&tk.select, text, 1, INT64_MAX) < 0)
		return -EINVAL;
	if (up_to)
		tk.select = -tk.select;
	*ret = tk;
	return 0;
}

bool
take_matches(struct take tk, int64_t type)
{
	if (type <= 0)
		return false;
	if (tk.select == 0)
		return true;
	if (tk.select < 0)
		return -type >= tk.select; /* -type, for it never overflows */
	return (type == tk.select) != tk.except;
}

bool
take_overlaps(struct take a, struct take b)
{
	/* Two sets of these forms meet in a type that one of them names, or in one of the
	 * three lowest: "not" takes away a single one each. */
	const int64_t types[] = { 1, 2, 3, a.select, b.select };

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (take_matches(a, types[i]) && take_matches(b, types[i]))
			return true;
	}
	return false;
}
