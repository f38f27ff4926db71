#include "daemon/access.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/quote.h"
#include "config/conf.h"
#include "control/change.h"
#include "control/roles.h"

void
access_roles(struct control_roles *ret, const struct conf *cf)
{
	*ret = (struct control_roles){
		.operators = { cf->operators.users, cf->operators.n_users,
		    cf->operators.groups, cf->operators.n_groups },
		.admins = { cf->admins.users, cf->admins.n_users, cf->admins.groups,
		    cf->admins.n_groups },
	};
}

/* " (alice)", or nothing. Of /etc/passwd alone: getpwuid(3) may ask over the network, for which
 * the loop cannot wait. */
static void
name_user(char *ret, size_t size, uid_t uid)
{
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *entry = NULL;

	ret[0] = '\0';
	if (file == NULL)
		return;
	do
		entry = fgetpwent(file);
	while (entry != NULL && entry->pw_uid != uid);
	if (entry != NULL)
		(void)snprintf(ret, size, " (%s)", quote(entry->pw_name).text);
	(void)fclose(file);
}

void
access_log_change(void *context, const struct control_change *ch)
{
	const struct control_caller *cr = ch->caller;
	char name[QUOTE_MAX + 4];

	(void)context;
	name_user(name, sizeof(name), cr->uid);
	if (ch->fault == REPLY_DENIED)
		log_event(EVENT_CONTROL_DENIED, NULL,
		    "control: uid %u%s pid %d: %s: not permitted: %s", cr->uid, name,
		    cr->pid, ch->request, ch->why);
	else
		log_event(EVENT_CONTROL_CHANGE, NULL,
		    "control: uid %u%s pid %d: %s: %s%s", cr->uid, name, cr->pid,
		    ch->request, ch->why == NULL ? "done" : "not done: ",
		    ch->why == NULL ? "" : ch->why);
}
