/* The file of a ledger, known by its identity: whatever the name by which it is
 * reached, one process writes it, and a file that was deleted is not taken for it. */
#ifdef __linux__
#define _GNU_SOURCE
#elif !defined(_WIN32)
#define _POSIX_C_SOURCE 200809L
#endif

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#include "ffi.h"

enum { ID_SIZE = 64 };

#ifdef _WIN32

typedef HANDLE tt_file;

static tt_file open_file(const char *path, int make) {
  wchar_t wide[32768];
  if (MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, 32768) == 0) {
    return INVALID_HANDLE_VALUE;
  }
  return CreateFileW(wide, make ? GENERIC_READ | GENERIC_WRITE : 0,
                     FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                     make ? OPEN_ALWAYS : OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS,
                     NULL);
}

static int is_open(tt_file file) {
  return file != INVALID_HANDLE_VALUE;
}

static void close_file(tt_file file) {
  CloseHandle(file);
}

static int identify(tt_file file, char *id) {
  BY_HANDLE_FILE_INFORMATION info;
  if (!GetFileInformationByHandle(file, &info)) {
    return 0;
  }
  snprintf(id, ID_SIZE, "%lu:%lu:%lu", info.dwVolumeSerialNumber, info.nFileIndexHigh,
           info.nFileIndexLow);
  return 1;
}

static int identify_path(const char *path, char *id) {
  tt_file file = open_file(path, 0);
  if (!is_open(file)) {
    return 0;
  }
  int known = identify(file, id);
  close_file(file);
  return known;
}

/* Behind the end that any database has, as these locks also keep others from reading. */
static int lock_file(tt_file file) {
  OVERLAPPED where = {0};
  where.OffsetHigh = 0x7fffffff;
  return LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0,
                    &where) != 0;
}

static int is_taken(void) {
  return GetLastError() == ERROR_LOCK_VIOLATION || GetLastError() == ERROR_IO_PENDING;
}

static const char *what_failed(void) {
  static char text[ID_SIZE];
  snprintf(text, sizeof text, "Windows error %lu", GetLastError());
  return text;
}

static SEXP wrap(tt_file file) {
  return R_MakeExternalPtr(file, R_NilValue, R_NilValue);
}

static tt_file unwrap(SEXP lock) {
  return R_ExternalPtrAddr(lock);
}

#else

typedef int tt_file;

static tt_file open_file(const char *path, int make) {
  return open(path, O_RDWR | O_CLOEXEC | (make ? O_CREAT : 0), 0666);
}

static int is_open(tt_file file) {
  return file >= 0;
}

static void close_file(tt_file file) {
  close(file);
}

static void write_id(const struct stat *info, char *id) {
  snprintf(id, ID_SIZE, "%" PRIuMAX ":%" PRIuMAX, (uintmax_t)info->st_dev,
           (uintmax_t)info->st_ino);
}

static int identify(tt_file file, char *id) {
  struct stat info;
  if (fstat(file, &info) != 0) {
    return 0;
  }
  write_id(&info, id);
  return 1;
}

/* Without opening it: to close it again would end the locks that SQLite, in this
 * process, has on the same file. */
static int identify_path(const char *path, char *id) {
  struct stat info;
  if (stat(path, &info) != 0) {
    return 0;
  }
  write_id(&info, id);
  return 1;
}

/* One byte behind all that SQLite reads, writes or locks. A lock of the open file
 * lasts until that is closed; where there is none, one of the process, which the end
 * of any other connection to the file in this process ends, too. */
static int lock_file(tt_file file) {
  struct flock where = {0};
  where.l_type = F_WRLCK;
  where.l_whence = SEEK_SET;
  where.l_start = (off_t)1 << (8 * sizeof(off_t) - 2);
  where.l_len = 1;
#ifdef F_OFD_SETLK
  if (fcntl(file, F_OFD_SETLK, &where) == 0) {
    return 1;
  }
  if (errno != EINVAL) {
    return 0;
  }
#endif
  return fcntl(file, F_SETLK, &where) == 0;
}

static int is_taken(void) {
  return errno == EACCES || errno == EAGAIN;
}

static const char *what_failed(void) {
  return strerror(errno);
}

/* Descriptors begin at 0, which no pointer may be. */
static SEXP wrap(tt_file file) {
  return R_MakeExternalPtr((void *)((intptr_t)file + 1), R_NilValue, R_NilValue);
}

static tt_file unwrap(SEXP lock) {
  return (tt_file)((intptr_t)R_ExternalPtrAddr(lock) - 1);
}

#endif

static const char *path_of(SEXP path) {
  if (TYPEOF(path) != STRSXP || Rf_xlength(path) != 1) {
    Rf_error("internal error: a path is one string");
  }
#ifdef _WIN32
  return Rf_translateCharUTF8(STRING_ELT(path, 0));
#else
  return Rf_translateChar(STRING_ELT(path, 0));
#endif
}

/* NA where there is no such file. */
SEXP ffi_file_identity(SEXP path) {
  char id[ID_SIZE];
  return identify_path(path_of(path), id) ? Rf_mkString(id) : Rf_ScalarString(NA_STRING);
}

/* An external pointer; NULL where another process has the lock; or a text that says
 * what went wrong. Makes the file where there is none. */
SEXP ffi_file_lock(SEXP path) {
  tt_file file = open_file(path_of(path), 1);
  if (!is_open(file)) {
    return Rf_mkString(what_failed());
  }
  if (lock_file(file)) {
    return wrap(file);
  }
  SEXP failure = is_taken() ? R_NilValue : Rf_mkString(what_failed());
  close_file(file);
  return failure;
}

/* Whether the path leads to the file that is locked. */
SEXP ffi_file_is(SEXP lock, SEXP path) {
  char own[ID_SIZE];
  char found[ID_SIZE];
  int same = R_ExternalPtrAddr(lock) != NULL && identify(unwrap(lock), own) &&
             identify_path(path_of(path), found) && strcmp(own, found) == 0;
  return Rf_ScalarLogical(same);
}

SEXP ffi_file_unlock(SEXP lock) {
  if (R_ExternalPtrAddr(lock) != NULL) {
    close_file(unwrap(lock));
    R_ClearExternalPtr(lock);
  }
  return R_NilValue;
}
