#include "daemon/adoption.h"

#include "control/server.h"
#include "daemon/access.h"
#include "daemon/monitor.h"

int
adoption_prepare(void *owner, const struct conf *conf, const char **ret_key)
{
	struct adoption *ad = owner;
	struct control_roles roles;
	int rc;

	access_roles(&roles, conf);
	rc = roles_copy(&ad->roles, &roles);
	if (rc < 0) {
		*ret_key = "operators";
		return rc;
	}
	rc = monitor_prepare(ad->monitor, conf, ad->activation);
	if (rc < 0) {
		roles_done(&ad->roles);
		*ret_key = "metrics";
	}
	return rc;
}

int
adoption_try(void *owner, const struct conf *conf, const char **ret_key)
{
	struct adoption *ad = owner;
	int rc;

	if (monitor_must_move(ad->monitor, conf, ad->activation)) {
		*ret_key = "metrics";
		return 1;
	}
	rc = adoption_prepare(owner, conf, ret_key);
	if (rc == 0)
		adoption_undo(owner);
	return rc;
}

void
adoption_commit(void *owner)
{
	struct adoption *ad = owner;

	control_server_take_roles(ad->control, &ad->roles);
	monitor_commit(ad->monitor, ad->activation);
}

void
adoption_undo(void *owner)
{
	struct adoption *ad = owner;

	roles_done(&ad->roles);
	monitor_undo(ad->monitor, ad->activation);
}
