import { type MmId, pidOf } from "@pagetrail/core";
import type { Cursor } from "./cursor.ts";
import { type Fact, otherwise } from "./fact.ts";
import { knownName } from "./names.ts";
import type { Scene } from "./scene.ts";
import { readCpu } from "./sched-lines.ts";
import type { Scope } from "./scope.ts";
import { readTlbFact } from "./tlb-fact.ts";
import { needNumber } from "./value.ts";

/** `refs users 2 count 3`, `refs freed`: how often the address space is referred to that a process has, or had last. */
export function readRefs(cursor: Cursor): (scene: Scene, name: string) => string | undefined {
  if (cursor.word("freed") !== undefined)
    return (scene, name) => {
      const mm = scene.state.mms.get(scene.lastMm(name));
      return mm && otherwise("it freed", `users ${mm.mmUsers} count ${mm.mmCount}`);
    };
  const wanted = new Map<"users" | "count", number>();
  do wanted.set(cursor.oneOf("users", "count"), needNumber(cursor, "a number"));
  while (!cursor.isAtEnd);
  return (scene, name) => {
    const mm = scene.state.mms.get(scene.lastMm(name));
    if (!mm) return otherwise("an address space", "that it was freed");
    const text = (of: (word: "users" | "count") => number): string =>
      [...wanted.keys()].map((word) => `${word} ${of(word)}`).join(" ");
    const found = text((word) => (word === "users" ? mm.mmUsers : mm.mmCount));
    const asked = text((word) => wanted.get(word) ?? 0);
    return found === asked ? undefined : otherwise(`refs ${asked}`, found);
  };
}

/** `cpu0 runs A`, `cpu0 loaded A`, `cpu0 lazy`: what a CPU runs, whose page tables it has, whether it needs them; `cpu0 tlb …`. */
export function readCpuFact(cursor: Cursor, scope: Scope): Fact {
  const id = readCpu(cursor);
  const word = cursor.oneOf("runs", "loaded", "lazy", "busy", "tlb");
  if (word === "tlb") return readTlbFact(cursor, scope, id);
  if (word === "lazy" || word === "busy")
    return (scene) => {
      const found = cpuOf(scene, id).lazy ? "lazy" : "busy";
      return found === word ? undefined : otherwise(word, found);
    };
  const idle = cursor.word(word === "runs" ? "idle" : "init_mm") !== undefined;
  const name = idle ? undefined : knownName(cursor, scope, "process", "a process");
  return word === "runs"
    ? (scene) => {
        const { current } = cpuOf(scene, id);
        const wanted = name === undefined ? 0 : scene.pid(name.of(scene));
        const found = pidOf({ pid: current });
        return found === wanted ? undefined : otherwise(taskText(scene, wanted), taskText(scene, found));
      }
    : (scene) => {
        const { loadedMm } = cpuOf(scene, id);
        const wanted = name === undefined ? INIT_MM : scene.lastMm(name.of(scene));
        return loadedMm === wanted ? undefined : otherwise(`mm ${wanted} to be loaded`, `mm ${loadedMm}`);
      };
}

const INIT_MM = 1 as MmId;

function cpuOf(scene: Scene, id: number) {
  const cpu = scene.state.cpus.get(id);
  if (!cpu) throw scene.impasse(`this machine has no cpu${id}: 'machine cpus ${id + 1}' gives it one`);
  return cpu;
}

const taskText = (scene: Scene, pid: number): string => (pid === 0 ? "idle" : scene.nameOf(pid as never));
