"""How much memory processes hold."""

import psutil


def resident(pid: int) -> int:
    """Bytes of a process and its children, shared pages counted once where the system tells; 0 if it has ended."""
    total = 0
    try:
        leader = psutil.Process(pid)
        for process in (leader, *leader.children(recursive=True)):
            memory = process.memory_info()
            total += memory.rss - (getattr(memory, "shared", 0) if process.pid != pid else 0)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return total
    return total
