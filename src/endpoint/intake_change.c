/* What a reload changes of an intake while it receives. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/quote.h"
#include "endpoint/intake_private.h"
#include "spool/ring.h"

void
intake_change(struct intake *in, const struct intake_spec *spec, char *name)
{
	free(in->name);
	in->name = name;
	in->resize = in->resize || in->spec.ring_bytes != spec->ring_bytes;
	in->spec.name = name;
	in->spec.ring_bytes = spec->ring_bytes;
	in->spec.create = spec->create;
	in->spec.attributes = spec->attributes;
}

void
intake_resize(struct intake *in)
{
	int rc = ring_regrow(in->ring, ring_max_body(in->ring), in->spec.ring_bytes);

	if (rc == -EBUSY)
		return;
	in->resize = false;
	if (rc < 0)
		log_warn("endpoint",
		    "queue %s: its ring keeps its size: a new one cannot be made: %s",
		    quote(in->spec.name).text, strerror(-rc));
	else
		log_info("endpoint", "queue %s: its ring is of another size now",
		    quote(in->spec.name).text);
}
