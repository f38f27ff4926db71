#include "commands/commands.h"

#include "base/compiler.h"
#include "commands/commands_doubt.h"
#include "commands/commands_events.h"
#include "commands/commands_letters.h"
#include "commands/commands_metrics.h"
#include "commands/commands_reload.h"
#include "commands/commands_show.h"
#include "commands/commands_steer.h"
#include "control/command.h"

/* The client includes the same rows. */
#define COMMAND(words, role, help, columns, as_list, run)                              \
	{ words, CONTROL_##role, help, columns, as_list, run },
#define OWN_COMMAND(words, help, run)

static const struct control_command commands[] = {
#include "control/commands.def"
};

const struct control_command *
commands_table(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(commands);
	return commands;
}
