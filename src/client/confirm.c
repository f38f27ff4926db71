#include "client/confirm.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "control/text.h"

static char *
question_of_json(const struct text *answer)
{
	json_t *document = json_loadb(answer->bytes, answer->len, 0, NULL);
	const char *error = json_string_value(json_object_get(document, "error"));
	char *ret = error == NULL ? NULL : strdup(error);

	json_decref(document);
	return ret;
}

char *
confirm_question(const struct text *answer, bool as_json)
{
	static const char prefix[] = "error: confirm: ";
	size_t skip = sizeof(prefix) - 1;
	size_t len = answer->len;

	if (as_json)
		return question_of_json(answer);
	while (len > skip && answer->bytes[len - 1] == '\n')
		len--;
	return len < skip ? NULL : strndup(answer->bytes + skip, len - skip);
}

bool
confirm_ask(FILE *in, FILE *out, const char *question)
{
	char line[16] = "";

	(void)fprintf(out, "%s [y/N] ", question);
	(void)fflush(out);
	if (fgets(line, sizeof(line), in) == NULL)
		return false;
	line[strcspn(line, "\r\n")] = '\0';
	return strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0;
}
