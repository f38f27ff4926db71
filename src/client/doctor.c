#include "client/doctor.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/quote.h"
#include "client/ask.h"
#include "client/doctor_private.h"
#include "client/screen.h"
#include "config/conf.h"
#include "control/command.h"
#include "control/reply.h"
#include "control/table.h"
#include "control/text.h"
#include "needs/holder.h"

static const char *const unit_dirs[] = { "/etc/systemd/system", "/run/systemd/system",
	"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", NULL };

static void
take_fault(void *arg, const char *file, int line, const char *key, const char *why)
{
	struct doctor *dr = arg;
	/* What is wrong with the file as a whole has no key. */
	json_t *fi = findings_add(&dr->findings, FINDING_BAD,
	    line > 0 || strcmp(key, "file") != 0 ? key : file);
	char where[32] = "";

	finding_say(fi, "what", "the configuration is not accepted");
	finding_say(fi, "why", "%s", why);
	if (line > 0)
		(void)snprintf(where, sizeof(where), "line %d of ", line);
	finding_say(fi, "mend",
	    "mend %s%s; mqbridged --config %s --check tells when it is good", where,
	    file, dr->config);
}

static struct conf *
load(struct doctor *dr)
{
	struct conf *cf = NULL;
	char path[PATH_MAX];
	json_t *fi;

	if (conf_load(&cf, dr->config, take_fault, dr) != 0)
		return NULL;
	dr->conf = cf;
	fi = findings_add(&dr->findings, FINDING_GOOD, dr->config);
	finding_say(fi, "what", "%zu queues, %zu peers, %zu routes", cf->n_queues,
	    cf->n_peers, cf->n_routes);
	(void)snprintf(path, sizeof(path), "%s/lock", cf->ring_directory);
	dr->daemon = holder_find(path);
	return cf;
}

bool
doctor_may(const struct doctor_user *us, const struct stat *of, mode_t wanted)
{
	unsigned shift = 0;

	if (us->uid == 0)
		return true;
	for (int i = 0; i < us->n_groups; i++) {
		if (us->groups[i] == of->st_gid)
			shift = 3;
	}
	if (us->uid == of->st_uid)
		shift = 6;
	return (of->st_mode >> shift & wanted) == wanted;
}

static void
print_json(FILE *out, const struct doctor *dr)
{
	struct control_reply reply = {
		.kind = "doctor", .items = dr->findings.items, .warnings = json_array()
	};
	char host[HOST_NAME_MAX + 1] = "?";
	struct text text;

	(void)gethostname(host, sizeof(host) - 1);
	text_init(&text, ASK_ANSWER_MAX);
	reply_write_json(
	    &text, dr->conf == NULL ? host : dr->conf->name, clock_wall_ns(), &reply);
	/* Without the empty line that ends it on a socket. */
	if (text.rc == 0)
		(void)fwrite(text.bytes, 1, text.len - 1, out);
	text_done(&text);
	json_decref(reply.warnings);
}

static void
print(FILE *out, const struct doctor *dr, int as_json)
{
	struct table_style style;

	if (as_json) {
		print_json(out, dr);
		return;
	}
	screen_style(&style, out);
	findings_print(out, &dr->findings, style.colour);
}

int
doctor_run(FILE *out, const char *config, int as_json)
{
	static const int statuses[] = { [FINDING_GOOD] = REPLY_DONE,
		[FINDING_WARNING] = REPLY_WARNED,
		[FINDING_BAD] = REPLY_REFUSED };
	struct doctor dr = { .config = config,
		.unit = { "mqbridged.service", unit_dirs } };
	struct conf *cf;

	if (findings_init(&dr.findings) < 0)
		return REPLY_REFUSED;
	cf = load(&dr);
	doctor_unit(&dr);
	doctor_host(&dr);
	if (cf != NULL) {
		doctor_space(&dr);
		doctor_limits(&dr);
		doctor_queues(&dr);
	}
	print(out, &dr, as_json);
	findings_done(&dr.findings);
	conf_free(cf);
	return statuses[dr.findings.worst];
}
