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

/* memdup(); NULL with n 0 is fine. */
static void *
copy(const void *from, size_t n, size_t width)
{
	void *ret = malloc(n == 0 ? 1 : n * width);

	if (ret != NULL && n > 0)
		memcpy(ret, from, n * width);
	return ret;
}

static int
copy_list(struct credentials_list *ret, const struct credentials_list *from)
{
	uid_t *users = copy(from->users, from->n_users, sizeof(*users));
	gid_t *groups = copy(from->groups, from->n_groups, sizeof(*groups));

	if (users == NULL || groups == NULL) {
		free(users);
		free(groups);
		return -ENOMEM;
	}
	*ret =
	    (struct credentials_list){ users, from->n_users, groups, from->n_groups };
	return 0;
}

static void
free_list(struct credentials_list *cl)
{
	/* They are const for those who read them. */
	free((void *)(uintptr_t)cl->users);
	free((void *)(uintptr_t)cl->groups);
	*cl = (struct credentials_list){ 0 };
}

int
roles_copy(struct control_roles *ret, const struct control_roles *from)
{
	struct control_roles ro = { 0 };
	int rc = 0;

	if (from != NULL)
		rc = copy_list(&ro.operators, &from->operators);
	if (from != NULL && rc == 0)
		rc = copy_list(&ro.admins, &from->admins);
	if (rc != 0) {
		roles_done(&ro);
		return rc;
	}
	*ret = ro;
	return 0;
}

void
roles_done(struct control_roles *ro)
{
	free_list(&ro->operators);
	free_list(&ro->admins);
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
