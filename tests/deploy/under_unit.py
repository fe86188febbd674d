"""Runs a command as a systemd unit would have it run, where there is no systemd: as nobody, with the unit's system calls,
address families and limits, with a file system that is read-only but for one directory.

    under_unit.py UNIT WRITABLE_DIRECTORY COMMAND…        as root

What it takes over of [Service] is in APPLIED, and is put in force by the same means as systemd's: prctl, rlimits, a mount
namespace, and a seccomp filter of what `systemd-analyze syscall-filter` says of the unit's sets. The filter answers with
the unit's errno, so whatever the command then cannot do is a failure of the unit.
"""

import ctypes
import errno
import functools
import os
import pwd
import resource
import socket
import struct
import subprocess
import sys

import seccomp

APPLIED = """CapabilityBoundingSet DynamicUser LimitCORE LimitNOFILE MemoryDenyWriteExecute NoNewPrivileges ProcSubset ProtectSystem
RestrictAddressFamilies SystemCallErrorNumber SystemCallFilter UMask""".split()

PROT_WRITE, PROT_EXEC = 2, 4
CLONE_NEWNS, MS_NOSUID, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 2, 4096, 16384, 1 << 18
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID = 442, -100, 0x8000, 1, 2
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38

libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def settings(unit):
    """The values of each setting of [Service], in their order."""
    found = {}
    with open(unit, encoding="utf-8") as file:
        service = file.read().split("\n[Service]\n")[1].split("\n[")[0]
    for line in service.splitlines():
        name, is_one, value = line.partition("=")
        if is_one and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


@functools.cache
def calls_of(name):
    if not name.startswith("@"):
        return frozenset([name])
    text = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter", name], check=True, capture_output=True, text=True
    ).stdout
    lines = (line.strip() for line in text.splitlines()[1:])
    return frozenset().union(*(calls_of(line) for line in lines if line and not line.startswith("#")))


def allowed_calls(values):
    """The first value says whether the list allows; each further one adds to it, or with `~` takes away."""
    allowed = set(calls_of("@default"))
    for value in values:
        calls = set().union(*(calls_of(word) for word in value.removeprefix("~").split()))
        allowed = allowed - calls if value.startswith("~") else allowed | calls
    return allowed


def load_filter(unit):
    number = getattr(errno, unit["SystemCallErrorNumber"][-1])
    rules = seccomp.SyscallFilter(defaction=seccomp.ERRNO(number))
    conditions = {}
    if unit["MemoryDenyWriteExecute"][-1] == "yes":
        both = PROT_WRITE | PROT_EXEC
        conditions["mmap"] = [seccomp.Arg(2, seccomp.MASKED_EQ, both, bits) for bits in (0, PROT_WRITE, PROT_EXEC)]
        for name in ("mprotect", "pkey_mprotect"):
            conditions[name] = [seccomp.Arg(2, seccomp.MASKED_EQ, PROT_EXEC, 0)]
    families = unit["RestrictAddressFamilies"][-1].split()
    conditions["socket"] = [seccomp.Arg(0, seccomp.EQ, getattr(socket, family)) for family in families]
    for name in allowed_calls(unit["SystemCallFilter"]):
        try:
            if name not in conditions:
                rules.add_rule(seccomp.ALLOW, name)
            for condition in conditions.get(name, []):
                rules.add_rule(seccomp.ALLOW, name, condition)
        except (RuntimeError, OSError, ValueError):
            pass  # another machine's
    rules.load()


def make_read_only_but(writable):
    check(libc.mount(writable.encode(), writable.encode(), None, MS_BIND | MS_REC, None))
    for path, on, off in (("/", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0), (writable, 0, MOUNT_ATTR_RDONLY)):
        change = struct.pack("=4Q", on, off, 0, 0)
        check(libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, path.encode(), AT_RECURSIVE, change, len(change)))


def main():
    unit, writable, command = settings(sys.argv[1]), sys.argv[2], sys.argv[3:]
    missing = [name for name in APPLIED if name not in unit]
    if missing:
        sys.exit(f"{sys.argv[1]} has no {', '.join(missing)}")
    last_capability = int(open("/proc/sys/kernel/cap_last_cap", encoding="ascii").read())
    check(libc.unshare(CLONE_NEWNS))
    check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None))
    if unit["ProcSubset"][-1] == "pid":
        check(libc.mount(b"proc", b"/proc", b"proc", MS_NOSUID, b"subset=pid"))
    if unit["ProtectSystem"][-1] == "strict":
        make_read_only_but(writable)
    for limit in ("CORE", "NOFILE"):
        value = min(int(unit["Limit" + limit][-1]), resource.getrlimit(getattr(resource, "RLIMIT_" + limit))[1])
        resource.setrlimit(getattr(resource, "RLIMIT_" + limit), (value, value))
    os.umask(int(unit["UMask"][-1], 8))
    if unit["CapabilityBoundingSet"] == [""]:
        for capability in range(last_capability + 1):
            check(libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0))
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setresgid(nobody.pw_gid, nobody.pw_gid, nobody.pw_gid)
    os.setresuid(nobody.pw_uid, nobody.pw_uid, nobody.pw_uid)
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    load_filter(unit)
    os.execv(command[0], command)


main()
