#include "control/item.h"

#include <errno.h>

#include "base/quote.h"

void
item_begin(struct item *it)
{
	it->object = json_object();
	it->rc = it->object == NULL ? -ENOMEM : 0;
}

void
item_value(struct item *it, const char *member, json_t *value)
{
	if (it->rc < 0)
		json_decref(value);
	else if (json_object_set_new(it->object, member, value) != 0)
		it->rc = -ENOMEM;
}

void
item_text(struct item *it, const char *member, const char *text)
{
	json_t *value;

	if (text == NULL || text[0] == '\0') {
		item_null(it, member);
		return;
	}
	/* Fails for bytes that are not UTF-8, which are legal in names of queues. */
	value = json_string(text);
	if (value == NULL)
		value = json_string(quote(text).text);
	item_value(it, member, value);
}

void
item_count(struct item *it, const char *member, uint64_t value)
{
	item_number(it, member, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

void
item_number(struct item *it, const char *member, int64_t value)
{
	item_value(it, member, json_integer(value));
}

void
item_real(struct item *it, const char *member, double value)
{
	item_value(it, member, json_real(value));
}

void
item_null(struct item *it, const char *member)
{
	item_value(it, member, json_null());
}

int
item_end(struct item *it, json_t *array)
{
	int rc = it->rc;

	if (rc < 0) {
		json_decref(it->object);
		return rc;
	}
	return json_array_append_new(array, it->object) == 0 ? 0 : -ENOMEM;
}
