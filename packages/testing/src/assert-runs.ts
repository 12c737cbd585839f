import fc from "fast-check";
import type { Beside, MachineCommand } from "./commands.ts";
import { type FailingRunPlace, saveFailingRun } from "./log-file.ts";
import { Machine } from "./machine.ts";

/** What must hold of every run of some commands. */
export interface RunsProperty<B extends Beside> {
  /** The sequences: `requestCommands()`, or `fc.commands` of a program's own. */
  readonly commands: fc.Arbitrary<Iterable<fc.Command<Machine, B>>>;
  /** The machine as every sequence finds it; a plain `Machine` unless told otherwise. */
  readonly machine?: () => Machine;
  /** What stands beside it, made anew for every sequence. */
  readonly beside: (machine: Machine) => B;
  /** Throws where something does not hold; asked behind every command. */
  readonly holds: (machine: Machine, beside: B) => void;
}

/** How often, from which seed, and where the failing run goes. */
export interface RunsParameters<B extends Beside> extends fc.Parameters<[Iterable<fc.Command<Machine, B>>]> {
  /** Where the shrunk run is saved as a log; `false` for nowhere. */
  readonly save?: FailingRunPlace | false;
}

/**
 * Asserts a property of all runs of some commands, with fast-check. A sequence that fails is shrunk, and its run saved
 * as a log, which ends with the request behind which the property no longer holds. The error says where it is.
 */
export function assertRuns<B extends Beside>(
  property: RunsProperty<B>,
  { save = {}, ...parameters }: RunsParameters<B> = {},
): void {
  const details = fc.check(
    fc.property(property.commands, (commands) => {
      const { failed } = play(property, commands);
      if (failed) throw failed.error;
    }),
    parameters,
  );
  if (!details.failed) return;
  const report = fc.defaultReportMessage(details);
  const [commands] = details.counterexample ?? [];
  if (!commands || save === false) throw new Error(report, { cause: causeOf(details) });
  const { machine } = play(property, commands);
  const path = saveFailingRun(machine, save);
  const told = `The run of ${machine.events.length} events that fails is saved. To look at it: pagetrail events ${path}`;
  throw new Error(`${report}\n\n${told}`, { cause: causeOf(details) });
}

interface Played {
  readonly machine: Machine;
  readonly failed?: { readonly error: unknown };
}

/** Runs a sequence to its end, or to the first command that fails or behind which something does not hold. */
function play<B extends Beside>(
  { machine: make = () => new Machine(), beside, holds }: RunsProperty<B>,
  commands: Iterable<MachineCommand<B>>,
): Played {
  const machine = make();
  try {
    const watched = [...commands].map(
      (command): MachineCommand<B> => ({
        check: (m) => command.check(m),
        run: (m, b) => {
          command.run(m, b);
          holds(m, b);
        },
        toString: () => command.toString(),
      }),
    );
    fc.modelRun(() => ({ model: machine, real: beside(machine) }), watched);
    return { machine };
  } catch (error) {
    return { machine, failed: { error } };
  }
}

const causeOf = <T>(details: fc.RunDetails<T>): unknown => details.errorInstance;
