"""The configuration of the embedded PostgreSQL: sized to the machine, durable, silent on data."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

MIB = 1024 * 1024
GIB = 1024 * MIB

CONF = """\
# Written by histoire at each start of the embedded server; changes are lost.
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = {buffers}MB
max_wal_size = {wal}MB
min_wal_size = 256MB
checkpoint_timeout = 30min
checkpoint_completion_target = 0.9
fsync = on
synchronous_commit = on
full_page_writes = on
jit = off
maintenance_work_mem = 128MB
max_locks_per_transaction = 128
timezone = 'UTC'
log_timezone = 'UTC'
# A statement or the detail of an error may carry patient data: the log has neither.
log_statement = none
log_min_error_statement = panic
log_error_verbosity = terse
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_min_messages = warning
log_line_prefix = '%m [%p] %a '
"""


def server_conf(sockets: Path, data: Path) -> str:
    """Text of postgresql.conf: buffers within an eighth of memory, log within a quarter of disk."""
    quoted = str(sockets).replace("'", "''")
    return CONF.format(
        sockets=quoted,
        buffers=_bounded(memory_bytes() // 8, 64 * MIB, 512 * MIB) // MIB,
        wal=_bounded(shutil.disk_usage(data).free // 4, 256 * MIB, 4 * GIB) // MIB,
    )


def memory_bytes() -> int:
    """Memory of the machine, or of the control group if that allows less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return machine
    return min(machine, int(limit)) if limit.isdigit() else machine


def _bounded(value: int, least: int, most: int) -> int:
    return max(least, min(value, most))
