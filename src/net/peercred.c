#include "net/peercred.h"

#include "base/credentials.h"
#include "net/listener.h"

bool
peercred_allowed(int fd, const struct listener_spec *spec, struct ucred *ret)
{
	const struct credentials_list list = { spec->users, spec->n_users, spec->groups,
		spec->n_groups };
	struct ucred cred;

	if (credentials_read(&cred, fd) != 0)
		return false;
	*ret = cred;
	return credentials_are_ours(&cred) || credentials_listed(fd, &cred, &list);
}
