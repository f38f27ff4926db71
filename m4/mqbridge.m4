dnl What configure.ac asks for, one macro a question.

# MQB_PLATFORM: the ring is read by memory layout, so there is one platform.
AC_DEFUN([MQB_PLATFORM], [
AC_MSG_CHECKING([for 64-bit little-endian Linux])
AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
#if !defined(__linux__) || !defined(__LP64__) || \
    __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "another platform"
#endif
int unused;
]])],
	[AC_MSG_RESULT([yes])],
	[AC_MSG_RESULT([no])
	AC_MSG_ERROR([mqbridge runs on 64-bit little-endian Linux only, and $host is not])])
])

# MQB_PATHS: a daemon of the system keeps its files where administrators look, also when the
# programs are in /usr or /usr/local. Whoever names a directory gets it.
AC_DEFUN([MQB_PATHS], [
AS_CASE([$prefix], [NONE | /usr | /usr/local], [
	AS_IF([test "$sysconfdir" = '${prefix}/etc'], [sysconfdir=/etc])
	AS_IF([test "$localstatedir" = '${prefix}/var'], [localstatedir=/var])
	AS_IF([test "$runstatedir" = '${localstatedir}/run'], [runstatedir=/run])])
AS_IF([test "$prefix" = NONE], [prefix=$ac_default_prefix])
AS_IF([test "$exec_prefix" = NONE], [exec_prefix='${prefix}'])
])

# MQB_NEEDS(VARIABLE, MODULES, DEBIAN-PACKAGE)
AC_DEFUN([MQB_NEEDS], [
PKG_CHECK_MODULES([$1], [$2], [],
	[AC_MSG_ERROR([$2 not found (on Debian: the package $3)])])
])

# MQB_FLAG(VARIABLE, FLAG): add FLAG to VARIABLE if the compiler and linker take it silently.
AC_DEFUN([MQB_FLAG], [
AC_MSG_CHECKING([whether $CC takes $2])
mqb_saved_CFLAGS=$CFLAGS
CFLAGS="$CFLAGS -Werror $2"
AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <stdio.h>]], [[puts("")]])],
	[AC_MSG_RESULT([yes])
	AS_VAR_APPEND([$1], [" $2"])],
	[AC_MSG_RESULT([no])])
CFLAGS=$mqb_saved_CFLAGS
])

# MQB_WARNINGS: the list of the coding style, and --enable-werror.
AC_DEFUN([MQB_WARNINGS], [
AC_ARG_ENABLE([werror],
	[AS_HELP_STRING([--enable-werror], [make every warning an error])],
	[], [enable_werror=no])
WARNING_CFLAGS=
m4_foreach_w([mqb_flag], [-Wall -Wextra -Wshadow -Wstrict-prototypes
	-Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wwrite-strings
	-Wcast-qual -Wformat=2 -Wundef -Wvla -Walloca -Wconversion -Wno-sign-conversion
	-Wnull-dereference -Wimplicit-fallthrough -Wlogical-op -Wduplicated-cond
	-Wduplicated-branches -Wcast-align=strict],
	[MQB_FLAG([WARNING_CFLAGS], mqb_flag)])
warnings_are="shown"
AS_IF([test "$enable_werror" = yes], [
	WARNING_CFLAGS="$WARNING_CFLAGS -Werror"
	warnings_are="errors"])
AC_SUBST([WARNING_CFLAGS])
])

# MQB_HARDENING: on, but for what would hide a finding from the sanitizers.
AC_DEFUN([MQB_HARDENING], [
HARDENING_CFLAGS=
HARDENING_LDFLAGS=
hardening_is="on"
AS_IF([test "$enable_sanitizers" = no], [
	m4_foreach_w([mqb_flag], [-fstack-protector-strong -fstack-clash-protection
		-fcf-protection],
		[MQB_FLAG([HARDENING_CFLAGS], mqb_flag)])
	MQB_FLAG([HARDENING_CFLAGS], [-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3])],
	[hardening_is="in part (sanitizers)"])
m4_foreach_w([mqb_flag], [-fPIE -fvisibility=hidden],
	[MQB_FLAG([HARDENING_CFLAGS], mqb_flag)])
MQB_FLAG([HARDENING_LDFLAGS], [-Wl,-z,relro])
MQB_FLAG([HARDENING_LDFLAGS], [-Wl,-z,now])
MQB_FLAG([HARDENING_LDFLAGS], [-Wl,-z,noexecstack])
SHARED_LDFLAGS=$HARDENING_LDFLAGS
# -pie is the linker's half of -fPIE.
mqb_outer_CFLAGS=$CFLAGS
CFLAGS="$CFLAGS -fPIE"
MQB_FLAG([HARDENING_LDFLAGS], [-pie])
CFLAGS=$mqb_outer_CFLAGS
AC_SUBST([HARDENING_CFLAGS])
AC_SUBST([HARDENING_LDFLAGS])
AC_SUBST([SHARED_LDFLAGS])
])

# MQB_ENABLE_SANITIZERS: --enable-sanitizers=address,undefined
AC_DEFUN([MQB_ENABLE_SANITIZERS], [
AC_ARG_ENABLE([sanitizers],
	[AS_HELP_STRING([--enable-sanitizers=LIST],
		[build with these sanitizers, address,undefined for instance])],
	[AS_IF([test "$enable_sanitizers" = yes], [enable_sanitizers=address,undefined])],
	[enable_sanitizers=no])
SANITIZER_CFLAGS=
AS_IF([test "$enable_sanitizers" != no], [
	MQB_FLAG([SANITIZER_CFLAGS], [-fsanitize=$enable_sanitizers])
	AS_IF([test -z "$SANITIZER_CFLAGS"],
		[AC_MSG_ERROR([$CC cannot build with -fsanitize=$enable_sanitizers])])
	SANITIZER_CFLAGS="$SANITIZER_CFLAGS -fno-sanitize-recover=all"
	SANITIZER_CFLAGS="$SANITIZER_CFLAGS -fno-omit-frame-pointer"])
AC_SUBST([SANITIZER_CFLAGS])
])

# MQB_ENABLE_CRASH_POINTS: for tests only, a program that can be killed at each step that it names
AC_DEFUN([MQB_ENABLE_CRASH_POINTS], [
AC_ARG_ENABLE([crash-points],
	[AS_HELP_STRING([--enable-crash-points],
		[for tests: let MQBRIDGE_CRASH=STEP kill the daemon at that step])],
	[], [enable_crash_points=no])
AS_IF([test "$enable_crash_points" != no],
	[AC_DEFINE([CRASH_POINTS], [1], [src/base/crash.h])])
AM_CONDITIONAL([CRASH_POINTS], [test "$enable_crash_points" != no])
])

# MQB_ENABLE_FUZZERS: with it libFuzzer drives the fuzzers, without it a main that replays.
AC_DEFUN([MQB_ENABLE_FUZZERS], [
AC_ARG_ENABLE([fuzzers],
	[AS_HELP_STRING([--enable-fuzzers],
		[build the fuzzers with libFuzzer (CC=clang); without it they replay files])],
	[], [enable_fuzzers=no])
FUZZER_CFLAGS=
FUZZER_LDFLAGS=
fuzzers_are="replay files"
AS_IF([test "$enable_fuzzers" = yes], [
	MQB_FLAG([FUZZER_CFLAGS], [-fsanitize=fuzzer-no-link])
	AS_IF([test -z "$FUZZER_CFLAGS"],
		[AC_MSG_ERROR([--enable-fuzzers needs libFuzzer: configure with CC=clang])])
	FUZZER_LDFLAGS="-fsanitize=fuzzer"
	fuzzers_are="libFuzzer"])
AM_CONDITIONAL([FUZZERS], [test "$enable_fuzzers" = yes])
AC_SUBST([FUZZER_CFLAGS])
AC_SUBST([FUZZER_LDFLAGS])
])

# MQB_WITH_SYSTEMD: the library tells systemd the state; the unit files need no library.
AC_DEFUN([MQB_WITH_SYSTEMD], [
AC_ARG_WITH([systemd],
	[AS_HELP_STRING([--with-systemd],
		[tell systemd the state through libsystemd (preset: if it is there)])],
	[], [with_systemd=auto])
AS_IF([test "$with_systemd" != no], [
	PKG_CHECK_MODULES([SYSTEMD], [libsystemd >= 240],
		[with_systemd=yes
		AC_DEFINE([HAVE_LIBSYSTEMD], [1], [libsystemd is there])],
		[AS_IF([test "$with_systemd" = yes],
			[AC_MSG_ERROR([libsystemd not found (on Debian: the package libsystemd-dev)])])
		with_systemd=no])])
AC_ARG_WITH([systemdsystemunitdir],
	[AS_HELP_STRING([--with-systemdsystemunitdir=DIR],
		[where the units go (preset: PREFIX/lib/systemd/system); no: nowhere])],
	[systemdsystemunitdir=$with_systemdsystemunitdir],
	[systemdsystemunitdir='${prefix}/lib/systemd/system'])
AS_IF([test "$systemdsystemunitdir" = yes],
	[systemdsystemunitdir='${prefix}/lib/systemd/system'])
AM_CONDITIONAL([SYSTEMD_UNITS], [test "$systemdsystemunitdir" != no])
AC_SUBST([systemdsystemunitdir])
])
