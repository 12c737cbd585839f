import { closeSync, existsSync, mkdirSync, openSync, readdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import {
  compareExecs,
  damage,
  type ExecCase,
  type ExecComparison,
  ExecProbe,
  elfBytes,
  Random,
  sampleInterpreters,
  samplePrograms,
  thisMachine,
  whyNoLiveKernel,
} from "@pagetrail/conformance";
import { PERSONALITY, UNLIMITED } from "@pagetrail/core";
import { afterAll, describe, expect, test } from "vitest";

const reason = whyNoLiveKernel();
const KIB = 1024;
const MIB = 2 ** 20;
const PAGE = 4096;

const plain = {
  env: [],
  personality: PERSONALITY.ADDR_NO_RANDOMIZE,
  stack: 8 * MIB,
  as: UNLIMITED,
  data: UNLIMITED,
} as const;

const run = (path: string, more: Partial<ExecCase> = {}): ExecCase => ({
  ...plain,
  path,
  args: [path],
  ...more,
});

const SET_ID = 0o6000;

/** Files of this machine that can be executed: programs, loaders, libraries and scripts. */
function* programsHere(): Iterable<string> {
  const folders = ["/usr/bin", "/usr/sbin", "/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/libexec"];
  for (const folder of folders.filter(existsSync))
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const stat = existsSync(path) ? statSync(path) : undefined;
      if (stat?.isFile() && (stat.mode & 0o111) !== 0 && (stat.mode & SET_ID) === 0) yield path;
    }
}

/** Some of many, from all of them. */
const atMost = (count: number, of: readonly string[]): readonly string[] => {
  const step = Math.max(1, of.length / count);
  return of.filter((_, i) => Math.floor(i / step) !== Math.floor((i - 1) / step));
};

describe.skipIf(reason !== undefined)(
  `exec against the running kernel${reason ? ` (skipped: ${reason})` : ""}`,
  () => {
    const live = reason === undefined ? new ExecProbe() : undefined;
    afterAll(() => live?.close());

    const probe = (): ExecProbe => {
      if (!live) throw new Error("there is no live kernel");
      return live;
    };

    /** Executes the cases and expects no difference; answers how they ended. */
    function agree(
      cases: readonly ExecCase[],
      names?: ReadonlyMap<ExecCase, string>,
    ): ExecComparison["ends"] {
      const compared = compareExecs(probe(), thisMachine(), cases);
      const [first] = compared.differences;
      const { args, env, ...rest } = first?.exec ?? { args: [], env: [] };
      const told = first && [
        names?.get(first.exec) ?? "",
        JSON.stringify({ ...rest, argc: args?.length, envc: env.length }),
        ...first.lines,
      ];
      expect(told?.join("\n")).toBeUndefined();
      return compared.ends;
    }

    function putInterpreters(): void {
      for (const bits of [64, 32] as const)
        for (const [i, { file }] of sampleInterpreters(bits).entries())
          probe().put(`ld${bits}-${i}`, elfBytes(file));
    }

    test("every program and library of this machine begins with the kernel's maps, stack and auxiliary vector", () => {
      const files = atMost(1000, [...programsHere()]);
      const ends = agree(files.map((path) => run(path)));
      expect(ends.get("started")).toBeGreaterThanOrEqual(200);
    });

    test("programs of every kind, of both classes and with every interpreter, under every personality", () => {
      putInterpreters();
      const { ADDR_NO_RANDOMIZE, ADDR_COMPAT_LAYOUT, ADDR_LIMIT_3GB, MMAP_PAGE_ZERO, READ_IMPLIES_EXEC } =
        PERSONALITY;
      const names = new Map<ExecCase, string>();
      for (const ld of [0, 1, 2, 3]) {
        const programs = samplePrograms({ 64: `ld64-${ld}`, 32: `ld32-${ld}` });
        for (const [i, { name, file }] of programs.entries()) {
          const path = probe().put(`sample-${ld}-${i}`, elfBytes(file));
          for (const bit of [0, ADDR_COMPAT_LAYOUT, ADDR_LIMIT_3GB, MMAP_PAGE_ZERO, READ_IMPLIES_EXEC])
            names.set(run(path, { personality: ADDR_NO_RANDOMIZE | bit }), `${name}, interpreter ${ld}`);
        }
      }
      const ends = agree([...names.keys()], names);
      expect(ends.get("started")).toBeGreaterThan(900);
    });

    test("1,000 damaged programs and interpreters end as they do in the kernel", () => {
      putInterpreters();
      probe().put("script", "#!/bin/sh\n");
      probe().put("short", "\x7fELF");
      probe().put("text", "x".repeat(300));
      probe().put("plain", "x", 0o644);
      const names = new Map<ExecCase, string>();
      for (let seed = 1; seed <= 1000; seed++) names.set(...damagedCase(seed));
      const ends = agree([...names.keys()], names);
      for (const end of ["started", "signal 11", "ENOEXEC", "ELIBBAD", "EIO", "ENOENT", "EACCES"])
        expect(ends.get(end), end).toBeGreaterThan(0);
    });

    function damagedCase(seed: number): [ExecCase, string] {
      const random = new Random(seed);
      const bits = random.pick([64, 64, 32] as const);
      const loader = random.pick(sampleInterpreters(bits));
      const own = `loader-${seed}`;
      const programs = samplePrograms({ 64: own, 32: own }).filter(({ file }) => file.class === bits);
      const program = random.pick(programs);
      const hitsLoader = program.file.text !== undefined && random.chance(0.5);
      const { file, what } = damage(random, hitsLoader ? loader.file : program.file);
      probe().put(own, elfBytes(hitsLoader ? file : loader.file));
      const path = probe().put(`program-${seed}`, elfBytes(hitsLoader ? program.file : file));
      return [
        run(path),
        `seed ${seed}: ${program.name} with ${loader.name}, ${hitsLoader ? "whose " : ""}${what}`,
      ];
    }

    test("what e_ident says beside the magic, and the number of the 486, as the kernel takes them", () => {
      const programs = samplePrograms({ 64: "ld64-0", 32: "ld32-0" }).filter(({ name }) =>
        name.endsWith("bit static"),
      );
      const cases = programs.flatMap(({ file }) => {
        const patched = (at: number, byte: number): ExecCase => {
          const bytes = elfBytes(file);
          bytes[at] = byte;
          return run(probe().put(`ident-${file.class}-${at}-${byte}`, bytes));
        };
        return [patched(18, 6), patched(0, 0)].concat(
          Array.from({ length: 12 }, (_, i) => patched(4 + i, 0xff)),
        );
      });
      const ends = agree(cases);
      expect([ends.get("started"), ends.get("ENOEXEC")]).toEqual([25, 3]);
    });

    test("scripts, nested and odd", () => {
      const put = (name: string, text: string): string => probe().put(name, text);
      const ends = agree([
        ...nestedScripts(put),
        ...ODD_LINES.flatMap((line, i) => {
          const path = put(`odd-${i}`, line);
          return [
            run(path),
            run(path, { args: ["other name", "one", "two"] }),
            run(path, { args: undefined }),
          ];
        }),
      ]);
      expect(ends.get("ELOOP")).toBeGreaterThan(1);
      expect(ends.get("started")).toBeGreaterThan(10);
    });

    test("arguments and environment, up to the last byte and one more", () => {
      const ends = agree([...argumentCases()]);
      expect(ends.get("E2BIG")).toBeGreaterThan(10);
      expect(ends.get("started")).toBeGreaterThan(10);
    });

    test("limits of stack, data and address space, page by page", () => {
      const cases: ExecCase[] = [];
      const path = "/bin/true";
      for (let page = 0; page < 140; page++) {
        cases.push(run(path, { as: page * PAGE }), run(path, { data: page * PAGE }));
        cases.push(run(path, { as: page * PAGE, env: ["x".repeat(40_000)] }));
      }
      for (let page = 0; page < 60; page++)
        for (const env of [
          [],
          ["x".repeat(3000)],
          ["x".repeat(30_000)],
          ["x".repeat(70_000), "y".repeat(50_000)],
        ])
          cases.push(run(path, { stack: page * PAGE + (page % 3) * 100, env }));
      for (const stack of [
        16 * MIB,
        100 * MIB,
        127 * MIB,
        129 * MIB,
        2 ** 30,
        2 ** 40,
        2 ** 46,
        2 ** 47,
        UNLIMITED,
      ])
        cases.push(
          run(path, { stack }),
          run(path, { stack, personality: plain.personality | PERSONALITY.ADDR_COMPAT_LAYOUT }),
        );
      const ends = agree(cases);
      for (const end of ["started", "signal 11", "E2BIG"]) expect(ends.get(end), end).toBeGreaterThan(10);
    });

    test("files that cannot be opened, or are none", () => {
      const { folder } = probe();
      mkdirSync(join(folder, "directory"));
      symlinkSync("loop", join(folder, "loop"));
      symlinkSync("/bin/true", join(folder, "link"));
      const busy = probe().put("busy", "#!/bin/sh\n");
      const opensBusy = probe().put("opens-busy", `#!${busy}\n`);
      const fd = openSync(busy, "r+");
      probe().busy.add(busy);
      try {
        const ends = agree([
          ...[
            "",
            "nowhere",
            "directory",
            "directory/",
            "loop",
            "link",
            "link/",
            "/bin/true/x",
            "/dev/null",
            "/",
            ".",
          ].map((path) => run(path)),
          run(`/${"x".repeat(300)}`),
          run(`/${"x/".repeat(3000)}`),
          run(probe().put("no-x", "#!/bin/sh\n", 0o644)),
          run(probe().put("empty", "")),
          run(probe().put("bytes", "\x7fELF\x02\x01")),
          run(busy),
          run(opensBusy),
        ]);
        for (const end of ["ENOENT", "EACCES", "ENOTDIR", "ELOOP", "ETXTBSY", "ENAMETOOLONG", "ENOEXEC"])
          expect(ends.get(end), end).toBeGreaterThan(0);
      } finally {
        closeSync(fd);
        probe().busy.delete(busy);
      }
    });
  },
);

/** Scripts whose interpreters are scripts, seven deep, with and without an argument; one that names itself. */
function* nestedScripts(put: (name: string, text: string) => string): Iterable<ExecCase> {
  for (const argument of ["", " -x", " two words"]) {
    let at = "/bin/true";
    for (let depth = 1; depth <= 7; depth++) {
      at = put(`script-${depth}${argument.replaceAll(" ", "_")}`, `#!${at}${argument}\n`);
      yield run(at, { args: [at, "a", "bc"], env: ["HOME=/"] });
      yield run(at, { args: ["short"] });
    }
  }
  const self = put("itself", "");
  yield run(put("itself", `#!${self}\n`));
  yield run(put("deep-missing", `#!${put("missing", "#!/nowhere\n")}\n`));
}

const ODD_LINES: readonly string[] = [
  "#!/bin/true",
  "#!/bin/true\n",
  "#! /bin/true\n",
  "#!\t/bin/true\t-a\tb \n",
  "#!/bin/true\r\n",
  "#!/bin/true \0 -e\n",
  "#!/bin/true\0x\n",
  "#!/bin/true  ",
  `#!/bin/true ${"x".repeat(400)}\n`,
  `#!${" ".repeat(230)}/bin/true\n`,
  `#!${" ".repeat(247)}/bin/true\n`,
  `#!${" ".repeat(260)}/bin/true\n`,
  `#!/${"x".repeat(252)}\n`,
  `#!/${"x".repeat(260)}\n`,
  "#!",
  "#! ",
  "#!\n",
  "#!  \n",
  "#!\0\n",
  "#!/\n",
  "#!.\n",
  "#!/nowhere\n",
  "#!/etc/passwd\n",
  "#!/usr\n",
  "#!ld64-0\n",
  "#!./ld64-0 x\n",
  "# !/bin/true\n",
  " #!/bin/true\n",
  "\n#!/bin/true\n",
];

/** What fits, and what is one byte or one string too much. */
function* argumentCases(): Iterable<ExecCase> {
  const path = "/bin/true";
  yield run(path, { args: [] });
  yield run(path, { args: undefined });
  yield run(path, { args: [""], env: ["", ""] });
  yield run(path, { args: ["", "", "a"], env: ["A=1", "", "B"] });
  for (const length of [4000, 4096, 8192, 100_000, 131_070, 131_071, 131_072, 200_000]) {
    yield run(path, { args: [path, "x".repeat(length)] });
    yield run(path, { env: ["x".repeat(length), "y"] });
  }
  for (const stack of [0, 64 * KIB, 512 * KIB, 513 * KIB, MIB, 8 * MIB, 24 * MIB, 64 * MIB, UNLIMITED]) {
    const most = Math.max(Math.min(6 * MIB, Math.floor(stack / 4)), 128 * KIB);
    for (const more of [-4096, -1, 0, 1, 4096]) yield run(path, { stack, ...filled(path, most + more) });
    // More strings than that are as many bytes, and take their time.
    if (stack > MIB) continue;
    const empty = Math.floor((most - path.length - 1) / 9);
    for (const more of [-1, 0, 1, 2]) yield run(path, { stack, args: Array(empty + more).fill("") });
    yield run(path, { stack, args: [], env: Array(empty + 1).fill("") });
  }
}

/** Arguments and environment that take exactly so many bytes together with their pointers and the path. */
function filled(path: string, bytes: number): Pick<ExecCase, "args" | "env"> {
  const LONG = 100_000;
  const strings: string[] = [];
  let left = bytes - 2 * (path.length + 1) - 8;
  for (; left > 2 * LONG; left -= LONG + 9) strings.push("x".repeat(LONG));
  for (const share of [Math.floor(left / 2), left - Math.floor(left / 2)])
    strings.push("y".repeat(share - 9));
  return { args: [path, ...strings.slice(0, 2)], env: strings.slice(2) };
}
