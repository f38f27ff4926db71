#include "control/change.h"

#include <stddef.h>

#include "control/command.h"
#include "control/request.h"
#include "control/text.h"

char *
change_request(const struct control_command *cm, const struct control_reply *rp)
{
	struct text tx;

	text_init(&tx, (size_t)5 * CONTROL_LINE_MAX); /* escapes are longer */
	text_put(&tx, cm->words, request_words_len(cm));
	for (size_t i = 0; i < rp->n_args; i++) {
		text_puts(&tx, " ");
		if (request_is_body(cm, i))
			text_puts(&tx, "BODY");
		else
			request_put_word(&tx, rp->args[i], false);
	}
	if (rp->confirmed)
		text_puts(&tx, " yes");
	text_put(&tx, "", 1);
	if (tx.rc != 0)
		text_done(&tx);
	return tx.bytes;
}
