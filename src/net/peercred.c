#include "net/peercred.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/listener.h"

static bool
group_listed(const struct listener_spec *spec, gid_t group)
{
	for (size_t i = 0; i < spec->n_groups; i++)
		if (spec->groups[i] == group)
			return true;
	return false;
}

static bool
any_group_listed(int fd, const struct listener_spec *spec)
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
			found = group_listed(spec, groups[i]);
	free(groups);
	return found;
}

bool
peercred_allowed(int fd, const struct listener_spec *spec, struct ucred *ret)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return false;
	*ret = cred;
	if (cred.uid == 0 || cred.uid == geteuid())
		return true;
	for (size_t i = 0; i < spec->n_users; i++)
		if (spec->users[i] == cred.uid)
			return true;
	if (spec->n_groups == 0)
		return false;
	return group_listed(spec, cred.gid) || any_group_listed(fd, spec);
}
