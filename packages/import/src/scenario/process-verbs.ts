import { CLONE, type Outcome, PERSONALITY, type Pid, SHM, UNLIMITED } from "@pagetrail/core";
import { asking, type VerbReader } from "./ask.ts";
import { execOf } from "./built-in-program.ts";
import type { Cursor } from "./cursor.ts";
import { RESOURCES, readBytes } from "./machine.ts";
import { knownName, type Name, newName } from "./names.ts";
import { addressOfOutcome, needPath, newAddress, readFlags, takePid } from "./operands.ts";
import type { Scene } from "./scene.ts";
import type { Scope } from "./scope.ts";
import { needNumber, readValue, takeNumber, wordOf } from "./value.ts";

const SIGCHLD = 17;

/** What each way to make a task passes to clone. */
const CLONE_FLAGS = {
  fork: SIGCHLD,
  vfork: CLONE.VM | CLONE.VFORK | SIGCHLD,
  thread: CLONE.VM | CLONE.FS | CLONE.FILES | CLONE.SIGHAND | CLONE.THREAD,
} as const;

const cloning =
  (how: keyof typeof CLONE_FLAGS): VerbReader =>
  (cursor, scope) => {
    const child = newName(
      cursor,
      scope,
      "process",
      `a name for the new ${how === "thread" ? "thread" : "process"}`,
    );
    const wanted = takePid(cursor);
    return (scene) => {
      const name = child.of(scene);
      return [
        {
          request: { call: "clone", flags: CLONE_FLAGS[how], child: scene.hire(name, wanted) },
          as: how === "thread" ? "clone" : how,
          noted: (outcome) => {
            if (!("ret" in outcome)) scene.dismiss(name);
          },
        },
      ];
    };
  };

const GONE: Outcome = { gone: "exit" };

const exiting =
  (call: "exit" | "exit_group"): VerbReader =>
  (cursor) => {
    const code = Number(takeNumber(cursor, "an exit code") ?? 0n);
    return () => [{ request: { call, code }, given: GONE }];
  };

const readWait: VerbReader = (cursor, scope) => {
  const child = knownName(cursor, scope, "process", "a process");
  return (scene) => {
    const pid = scene.zombie(child.of(scene));
    return [{ request: { call: "reap", child: pid }, as: "wait4", given: { ret: pid } }];
  };
};

const readExec: VerbReader = (cursor) => {
  const path = needPath(cursor);
  return asking((scene) => ({ call: "execve", path, load: execOf(path, scene.state.profile.layout) }));
};

const readShmget: VerbReader = (cursor, scope) => {
  const segment = newName(cursor, scope, "segment", "a name for the segment");
  const size = needNumber(cursor, "a size");
  return (scene) => {
    const shm = scene.newSegment(segment.of(scene));
    return [{ request: { call: "shmget", key: 0, size, shm }, given: { ret: shm } }];
  };
};

const knownSegment = (cursor: Cursor, scope: Scope): Name => knownName(cursor, scope, "segment", "a segment");

const readShmat: VerbReader = (cursor, scope) => {
  const segment = knownSegment(cursor, scope);
  cursor.oneOf("as");
  const name = newAddress(cursor, scope);
  const at = cursor.word("at") === undefined ? undefined : readValue(cursor, scope, "an address");
  const flags = readFlags(cursor, { readonly: SHM.RDONLY });
  return (scene) => [
    {
      request: {
        call: "shmat",
        shm: scene.segment(segment.of(scene)),
        addr: wordOf(at?.(scene) ?? 0n),
        flags,
      },
      noted: (outcome) => scene.bind(name.of(scene), addressOfOutcome(outcome)),
    },
  ];
};

const readShmdt: VerbReader = (cursor, scope) => {
  const address = readValue(cursor, scope, "an address");
  return asking((scene) => ({ call: "shmdt", addr: wordOf(address(scene)) }));
};

const readShmrm: VerbReader = (cursor, scope) => {
  const segment = knownSegment(cursor, scope);
  return (scene) => [
    { request: { call: "shmrm", shm: scene.segment(segment.of(scene)) }, given: { ret: 0 } },
  ];
};

const PERSONALITIES = Object.keys(PERSONALITY) as (keyof typeof PERSONALITY)[];

/** Words that are bits of a personality, or a number; 0 is the ordinary one. */
const readPersonality: VerbReader = (cursor) => {
  const number = takeNumber(cursor, "a number");
  const persona = number === undefined ? readFlags(cursor, PERSONALITY) : Number(number);
  if (number === undefined && persona === 0) cursor.oneOf(...PERSONALITIES);
  return asking(() => ({ call: "personality", persona }));
};

export const PRCTL = { THP_DISABLE: 41, MDWE: 65 } as const;

const readPrctl: VerbReader = (cursor) => {
  const option = PRCTL[cursor.oneOf("THP_DISABLE", "MDWE")];
  const arg = needNumber(cursor, "a number");
  return asking(() => ({ call: "prctl", option, arg }));
};

const readSetrlimit: VerbReader = (cursor) => {
  const resource = cursor.oneOf(...RESOURCES);
  const soft = readBytes(cursor);
  const hard = cursor.word("hard") === undefined ? undefined : readBytes(cursor);
  return asking((scene) => ({
    call: "setrlimit",
    target: 0,
    resource,
    soft,
    hard: hard ?? hardLimit(scene, resource),
  }));
};

/** The hard limit that the caller has, which a line need not repeat. */
function hardLimit({ state, subject }: Scene, resource: (typeof RESOURCES)[number]): number {
  const tgid = state.tasks.get(subject)?.tgid ?? (0 as Pid);
  return state.groups.get(tgid)?.limits[resource].hard ?? UNLIMITED;
}

/** What a process asks about processes, and about more than its own memory. */
export const PROCESS_VERBS: Readonly<Record<string, VerbReader>> = {
  fork: cloning("fork"),
  vfork: cloning("vfork"),
  thread: cloning("thread"),
  exec: readExec,
  exit: exiting("exit"),
  exit_group: exiting("exit_group"),
  wait: readWait,
  use_mm: (cursor, scope) => {
    const owner = knownName(cursor, scope, "process", "a process");
    return asking((scene) => ({ call: "use_mm", target: scene.pid(owner.of(scene)) }));
  },
  unuse_mm: () => asking(() => ({ call: "unuse_mm" })),
  shmget: readShmget,
  shmat: readShmat,
  shmdt: readShmdt,
  shmrm: readShmrm,
  prctl: readPrctl,
  personality: readPersonality,
  setrlimit: readSetrlimit,
};
