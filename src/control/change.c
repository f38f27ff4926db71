#include "control/change.h"

#include <stdbool.h>
#include <string.h>

#include "control/command.h"
#include "control/request.h"
#include "control/text.h"

/* Does the command take the body of a message there? What it takes last may be repeated. */
static bool
is_body(const struct control_command *cm, size_t i)
{
	static const char body[] = "BODY";
	const char *at = request_argument(cm, i);

	return at != NULL && strncmp(at + (*at == '['), body, sizeof(body) - 1) == 0;
}

char *
change_request(const struct control_command *cm, const struct control_reply *rp)
{
	struct text tx;

	text_init(&tx, (size_t)2 * CONTROL_LINE_MAX);
	text_put(&tx, cm->words, request_words_len(cm));
	for (size_t i = 0; i < rp->n_args; i++) {
		text_puts(&tx, " ");
		text_puts(&tx, is_body(cm, i) ? "BODY" : rp->args[i]);
	}
	if (rp->confirmed)
		text_puts(&tx, " yes");
	text_put(&tx, "", 1);
	if (tx.rc != 0)
		text_done(&tx);
	return tx.bytes;
}
