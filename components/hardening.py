"""What a container may do: as little as its image can live with.

Every container runs with `no-new-privileges`, without any capability that it does not name, with a limit of memory and
of processes, and with rotated logs.
"""

from __future__ import annotations

from typing import Final

DROPPED: Final = ("ALL",)

TO_ANOTHER_USER: Final = ("CAP_SETGID", "CAP_SETUID")
"""For images that start as root and go on as another user, which has no capability any more."""

TO_OWN_VOLUMES: Final = (*TO_ANOTHER_USER, "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER")
"""For images that, as root, hand their volume over to another user first."""

MAX_PROCESSES: Final = 16384
"""Processes and threads of one user. The provider knows no limit of a container, and the kernel counts a user's in all
containers together: a desktop's user 1000 counts as well, so this only stops what would fill the machine."""

SCRATCH_OPTIONS: Final = "rw,exec,nosuid,nodev,size=64m,mode=1777,uid=1000,gid=1000"
"""Memory-backed; JVMs unpack native libraries there and load them. Where the image has the folder, its mode holds: the
owner is the user of all images with a read-only root."""
