/* "show config": the configuration in force. */
#include "assembly/assembly.h"
#include "commands/commands.h"
#include "commands/commands_show.h"
#include "commands/listing.h"
#include "config/conf.h"
#include "config/shown.h"
#include "control/item.h"

const struct control_column show_config_columns[] = {
	{ "key", "KEY" },
	{ "value", "VALUE" },
	{ "default", "DEFAULT" },
	{ "file", "FILE" },
	{ "line", "LINE" },
	{ NULL, NULL },
};

static int
show_key(const struct commands_context *cx, struct control_reply *reply, size_t i)
{
	struct shown sh;
	struct item it;
	int rc;

	if (shown_at(cx->assembly->conf, i, &sh) == 0)
		return 0;
	item_begin(&it);
	item_text(&it, "key", sh.key);
	item_text(&it, "value", sh.value);
	item_value(&it, "default", json_boolean(sh.preset));
	item_text(&it, "file", sh.place.file);
	if (sh.place.line > 0)
		item_count(&it, "line", (uint64_t)sh.place.line);
	else
		item_null(&it, "line");
	rc = item_end(&it, reply->items);
	return rc < 0 ? rc : 1;
}

int
show_config(void *context, struct control_reply *reply)
{
	reply->kind = "config";
	return listing_run(context, reply, show_key);
}
