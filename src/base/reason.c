#include "base/reason.h"

#include <assert.h>
#include <string.h>

static const struct reason_row {
	const char *code, *mend;
} rows[] = { [REASON_NONE] = { "", "" },
#define REASON_ROW(symbol, code, mend) [REASON_##symbol] = { code, mend },
	REASON_LIST(REASON_ROW)
#undef REASON_ROW
};

const char *
reason_name(enum reason reason)
{
	assert(reason < REASON_END);
	return rows[reason].code;
}

const char *
reason_mend(enum reason reason)
{
	assert(reason < REASON_END);
	return rows[reason].mend;
}

enum reason
reason_find(const char *code, size_t length)
{
	for (unsigned i = REASON_NONE + 1; i < REASON_END; i++) {
		if (strlen(rows[i].code) == length &&
		    memcmp(rows[i].code, code, length) == 0)
			return (enum reason)i;
	}
	return REASON_NONE;
}
