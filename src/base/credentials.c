#include "base/credentials.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

int
credentials_read(struct ucred *ret, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return -errno;
	*ret = cred;
	return 0;
}

bool
credentials_are_ours(const struct ucred *cred)
{
	return cred->uid == 0 || cred->uid == geteuid();
}

static bool
group_listed(const struct credentials_list *cl, gid_t group)
{
	for (size_t i = 0; i < cl->n_groups; i++)
		if (cl->groups[i] == group)
			return true;
	return false;
}

static bool
any_group_listed(int fd, const struct credentials_list *cl)
{
	socklen_t len = 0;
	gid_t *groups;
	bool found = false;

	/* With no room the kernel says ERANGE and how much it needs. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 ||
	    errno != ERANGE || len > NGROUPS_MAX * sizeof(*groups))
		return false;
	groups = malloc(len);
	if (groups == NULL)
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0)
		for (size_t i = 0; i < len / sizeof(*groups) && !found; i++)
			found = group_listed(cl, groups[i]);
	free(groups);
	return found;
}

bool
credentials_listed(int fd, const struct ucred *cred, const struct credentials_list *cl)
{
	for (size_t i = 0; i < cl->n_users; i++)
		if (cl->users[i] == cred->uid)
			return true;
	if (cl->n_groups == 0)
		return false;
	return group_listed(cl, cred->gid) || any_group_listed(fd, cl);
}
