#include "control/roles.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct role_row {
	const char *name;
	const char *key; /* that makes a user one */
} role_rows[] = {
	[CONTROL_VIEWER] = { "viewer", "control_group" },
	[CONTROL_OPERATOR] = { "operator", "operators" },
	[CONTROL_ADMIN] = { "admin", "admins" },
};

static size_t
list_bytes(const struct credentials_list *cl)
{
	return cl->n_users * sizeof(uid_t) + cl->n_groups * sizeof(gid_t);
}

/* Into memory that has room; returns what is left of it. */
static uint8_t *
copy_list(
    struct credentials_list *ret, const struct credentials_list *from, uint8_t *at)
{
	uid_t *users = (uid_t *)(void *)at;
	gid_t *groups = (gid_t *)(void *)(users + from->n_users);

	if (from->n_users > 0)
		memcpy(users, from->users, from->n_users * sizeof(*users));
	if (from->n_groups > 0)
		memcpy(groups, from->groups, from->n_groups * sizeof(*groups));
	*ret =
	    (struct credentials_list){ users, from->n_users, groups, from->n_groups };
	return at + list_bytes(from);
}

int
roles_copy(struct control_roles *ret, const struct control_roles *from)
{
	struct control_roles ro = { 0 };

	if (from != NULL) {
		uint8_t *at = malloc(
		    1 + list_bytes(&from->operators) + list_bytes(&from->admins));

		if (at == NULL)
			return -ENOMEM;
		ro.copied = at;
		at = copy_list(&ro.operators, &from->operators, at);
		(void)copy_list(&ro.admins, &from->admins, at);
	}
	*ret = ro;
	return 0;
}

void
roles_done(struct control_roles *ro)
{
	free(ro->copied);
	*ro = (struct control_roles){ 0 };
}

int
roles_identify(struct control_caller *ret, const struct control_roles *ro, int fd)
{
	struct ucred cred;
	int rc = credentials_read(&cred, fd);

	if (rc != 0)
		return rc;
	*ret = (struct control_caller){ cred.uid, cred.gid, cred.pid, CONTROL_VIEWER };
	if (credentials_are_ours(&cred) || credentials_listed(fd, &cred, &ro->admins))
		ret->role = CONTROL_ADMIN;
	else if (credentials_listed(fd, &cred, &ro->operators))
		ret->role = CONTROL_OPERATOR;
	return 0;
}

const char *
roles_name(enum control_role role)
{
	return role_rows[role].name;
}

void
roles_explain(char *why, size_t size, const char *words, enum control_role role,
    const struct control_caller *caller)
{
	(void)snprintf(why, size,
	    "\"%s\" is for the role %s here, which the key %s of mqbridge.conf gives;"
	    " uid %u is %s",
	    words, role_rows[role].name, role_rows[role].key, caller->uid,
	    role_rows[caller->role].name);
}
