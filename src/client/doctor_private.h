/* What the parts of the doctor share. */
#ifndef MQBRIDGE_CLIENT_DOCTOR_PRIVATE_H
#define MQBRIDGE_CLIENT_DOCTOR_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "client/findings.h"
#include "client/ini.h"

#define DOCTOR_NAME   64
#define DOCTOR_GROUPS 64

struct conf;

/* Whose rights and limits the daemon has. */
struct doctor_user {
	char name[DOCTOR_NAME];
	uid_t uid;
	gid_t groups[DOCTOR_GROUPS];
	int n_groups;
};

struct doctor {
	struct findings findings;
	const struct conf *conf; /* NULL: it has faults */
	const char *config;      /* its file */
	struct ini unit;         /* of the service */
	pid_t daemon;            /* that runs; 0: none, as far as we see */
	struct doctor_user user;
};

/* Each adds what it finds. */
void doctor_unit(struct doctor *dr);  /* and finds the user; first */
void doctor_host(struct doctor *dr);  /* also without a configuration */
void doctor_space(struct doctor *dr); /* the directories */
void doctor_limits(struct doctor *dr);
void doctor_queues(struct doctor *dr);

/* May the user do this, of S_IROTH, S_IWOTH and S_IXOTH, with an object of that mode? */
bool doctor_may(
    const struct doctor_user *us, const struct stat *of, mode_t wanted) MUST_CHECK;

#endif
