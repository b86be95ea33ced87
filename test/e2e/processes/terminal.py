# This script runs a program on a terminal of its own. When standard input ends, it closes the terminal, or reads what a paused
# one holds back and stops the program. The last line says how the program ended.
import os
import pty
import signal
import sys

what, program = sys.argv[1], sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(program[0], program)
sys.stdin.read()
if what == "closed":
    os.close(terminal)
else:
    os.kill(pid, signal.SIGINT)
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        pass
_, status = os.waitpid(pid, 0)
print(f"signal {status & 127}, code {status >> 8}", flush=True)
