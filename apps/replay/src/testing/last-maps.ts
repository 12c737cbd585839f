import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { straceWords } from "../record/strace-words.ts";

/** exit_group of x86-64, as the first word of /proc/PID/syscall. */
const EXIT_GROUP = "231 ";

/** How long every process is held at its exit, in microseconds. */
const HELD = 400_000;

/**
 * Records a program in the fast form of strace, and holds each process at its exit to read what the kernel says of
 * its memory then: the maps of each process as they were last.
 */
export async function recordLastMaps(
  command: readonly string[],
  trace: string,
  cwd: string,
): Promise<ReadonlyMap<number, string>> {
  const words = straceWords({ trace, everything: false, stacks: false });
  const hold = ["-e", `inject=exit_group:delay_enter=${HELD}`];
  const strace = spawn("strace", ["--seccomp-bpf", ...words, ...hold, "--", ...command], {
    cwd,
    stdio: ["ignore", "ignore", "inherit"],
  });
  let running = true;
  const ended = new Promise<void>((resolve, reject) => {
    strace.once("error", reject);
    strace.once("close", () => resolve());
  }).finally(() => {
    running = false;
  });
  const last = new Map<number, string>();
  while (running) {
    for (const pid of descendants(strace.pid ?? 0)) {
      const maps = last.has(pid) ? undefined : mapsAtExit(pid);
      if (maps) last.set(pid, maps);
    }
    await sleep(20);
  }
  await ended;
  return last;
}

/** A process's maps once one of its threads asks for the end of all. */
function mapsAtExit(pid: number): string | undefined {
  const leaves = read(() =>
    readdirSync(`/proc/${pid}/task`).some((tid) =>
      readFileSync(`/proc/${pid}/task/${tid}/syscall`, "latin1").startsWith(EXIT_GROUP),
    ),
  );
  return leaves ? read(() => readFileSync(`/proc/${pid}/maps`, "latin1")) : undefined;
}

function* descendants(pid: number): Generator<number> {
  const children = read(() =>
    readdirSync(`/proc/${pid}/task`)
      .map((tid) => readFileSync(`/proc/${pid}/task/${tid}/children`, "latin1"))
      .join(" "),
  );
  for (const child of (children ?? "").split(" ").filter((word) => word.trim() !== "")) {
    yield Number(child);
    yield* descendants(Number(child));
  }
}

/** What a file of /proc says, while its process is there. */
function read<T>(how: () => T): T | undefined {
  try {
    return how();
  } catch {
    return undefined;
  }
}
