import { type Profile, profileOf, RELEASES, type ReleaseName } from "@pagetrail/core";
import { MACHINE, Machine } from "./machine.ts";

/** The names of the releases that the model knows, the oldest first. */
export const RELEASE_NAMES = Object.keys(RELEASES) as readonly ReleaseName[];

/** The machine of the other tests with another kernel on it. */
export const machineOf = (release: ReleaseName): Profile => ({
  ...MACHINE,
  release,
  vdso: profileOf(release).vdso,
});

/** What the same story comes to on each release. */
export const onEach = <T>(tell: (profile: Profile) => T): Readonly<Record<ReleaseName, T>> => ({
  "5.4": tell(machineOf("5.4")),
  "6.1": tell(machineOf("6.1")),
  "6.18": tell(machineOf("6.18")),
});

/** The same, told by what a machine answers and looks like. */
export const onEachMachine = <T>(tell: (machine: Machine) => T): Readonly<Record<ReleaseName, T>> =>
  onEach((profile) => tell(new Machine(profile)));
