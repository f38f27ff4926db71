/* Files: whole reads and writes, and renames that survive a power cut. All descriptors are
 * opened with O_CLOEXEC. Functions return 0 or -errno. */
#ifndef MQBRIDGE_BASE_FILE_H
#define MQBRIDGE_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

/* All of it, going on after EINTR and short counts. Reading: -ENODATA when the file ends first. */
int file_write_all(int fd, const void *bytes, size_t len) MUST_CHECK;
int file_pread_all(int fd, void *bytes, size_t len, off_t at) MUST_CHECK;

/* A whole file, at most max bytes, as malloc'ed bytes with a NUL behind them, which belong to
 * the caller. -EFBIG: larger than max. */
int file_read(
    char **ret, size_t *ret_len, int dir_fd, const char *name, size_t max) MUST_CHECK;

/* Real pages from the beginning to that size, never a hole: a store into a hole of a mapped file
 * ends in SIGBUS when tmpfs is full. All of it or -errno. */
int file_allocate(int fd, uint64_t bytes) MUST_CHECK;

/* Put a whole file (mode 0640 before the umask) in place at once: written under the temporary
 * name NAME.new, renamed. When sync is not 0 the file is synced before and the directory
 * after the rename. One writer a name. On failure the temporary file is gone and the old one stays. */
int file_replace(
    int dir_fd, const char *name, const void *bytes, size_t len, int sync) MUST_CHECK;

int file_sync_dir(int dir_fd) MUST_CHECK;

/* Out of the way what must not be used and not be lost: it gets the name in kept or, never over another
 * file, that and "-1", "-2", ...; kept has it then. Names may have directories in front. The directory
 * is not synced. -EEXIST: the first hundred are all taken; -ENAMETOOLONG: they do not fit into size bytes. */
int file_set_aside(int dir_fd, const char *name, char *kept, size_t size) MUST_CHECK;

/* Is the directory on tmpfs? 1, 0 or -errno. */
int file_is_tmpfs(int dir_fd) MUST_CHECK;

#endif
