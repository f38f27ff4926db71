/* To be preloaded: every look at the wall clock sees it a day further than the last one,
 * and a wait against it is the end of the program. */
#include <dlfcn.h>
#include <mqueue.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define DAY_S 86400

static atomic_long steps;

/* The function of that name that this one stands before. */
static void *
next(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (function == NULL)
		abort();
	return function;
}

static void
refuse(clockid_t clock)
{
	if (clock == CLOCK_REALTIME)
		abort();
}

int
clock_gettime(clockid_t clock, struct timespec *ret)
{
	long rc = syscall(SYS_clock_gettime, clock, ret);

	if (clock == CLOCK_REALTIME)
		ret->tv_sec += DAY_S * atomic_fetch_add(&steps, 1);
	return (int)rc;
}

int
mq_timedsend(mqd_t fd, const char *body, size_t len, unsigned priority,
    const struct timespec *until)
{
	if (until != NULL)
		abort();
	return (int)syscall(SYS_mq_timedsend, fd, body, len, priority, NULL);
}

ssize_t
mq_timedreceive(mqd_t fd, char *restrict body, size_t size, unsigned *restrict priority,
    const struct timespec *restrict until)
{
	if (until != NULL)
		abort();
	return syscall(SYS_mq_timedreceive, fd, body, size, priority, NULL);
}

int
timer_create(clockid_t clock, struct sigevent *restrict event, timer_t *restrict ret)
{
	int (*real)(clockid_t, struct sigevent *, timer_t *) = next("timer_create");

	refuse(clock);
	return real(clock, event, ret);
}

int
timerfd_create(clockid_t clock, int flags)
{
	refuse(clock);
	return (int)syscall(SYS_timerfd_create, clock, flags);
}

int
clock_nanosleep(
    clockid_t clock, int flags, const struct timespec *wait, struct timespec *rest)
{
	int (*real)(clockid_t, int, const struct timespec *, struct timespec *) =
	    next("clock_nanosleep");

	refuse(clock);
	return real(clock, flags, wait, rest);
}

int
sem_timedwait(sem_t *restrict sem, const struct timespec *restrict until)
{
	(void)sem;
	(void)until;
	abort();
}

int
sem_clockwait(
    sem_t *restrict sem, clockid_t clock, const struct timespec *restrict until)
{
	int (*real)(sem_t *, clockid_t, const struct timespec *) =
	    next("sem_clockwait");

	refuse(clock);
	return real(sem, clock, until);
}

/* Its clock is that of the condition, which nothing tells any more: so none at all. */
int
pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
    const struct timespec *restrict until)
{
	(void)cond;
	(void)mutex;
	(void)until;
	abort();
}

int
pthread_cond_clockwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
    clockid_t clock, const struct timespec *restrict until)
{
	int (*real)(pthread_cond_t *, pthread_mutex_t *, clockid_t,
	    const struct timespec *) = next("pthread_cond_clockwait");

	refuse(clock);
	return real(cond, mutex, clock, until);
}
