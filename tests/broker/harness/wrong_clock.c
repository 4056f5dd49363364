/* Preloaded, it makes the wall clock of a process wrong by WRONG_CLOCK_S seconds. Intervals and waits stay as they are:
   a deadline that was computed from the wrong clock is corrected before the wait. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

/* Deadlines below it are of the monotonic clock. */
enum { YEAR_2001_S = 1000000000 };

static long wrong_by_s;
static int (*wait_c11)(cnd_t *, mtx_t *, const struct timespec *);
static int (*wait_posix)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);

__attribute__((constructor)) static void begin(void) {
  const char *seconds = getenv("WRONG_CLOCK_S");
  wrong_by_s = seconds ? atol(seconds) : 0;
  wait_c11 = dlsym(RTLD_NEXT, "cnd_timedwait");
  wait_posix = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int failed = (int)syscall(SYS_clock_gettime, clock, now);
  if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += wrong_by_s;
  return failed;
}

int gettimeofday(struct timeval *now, void *zone) {
  int failed = (int)syscall(SYS_gettimeofday, now, zone);
  if (!failed) now->tv_sec += wrong_by_s;
  return failed;
}

time_t time(time_t *seconds) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (seconds) *seconds = now.tv_sec;
  return now.tv_sec;
}

static struct timespec corrected(const struct timespec *deadline) {
  struct timespec real = *deadline;
  if (real.tv_sec > YEAR_2001_S) real.tv_sec -= wrong_by_s;
  return real;
}

int cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *deadline) {
  struct timespec real = corrected(deadline);
  return wait_c11(condition, mutex, &real);
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *deadline) {
  struct timespec real = corrected(deadline);
  return wait_posix(condition, mutex, &real);
}
