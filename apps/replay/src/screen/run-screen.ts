import terminalKit from "terminal-kit";
import type { Debugger } from "../debug/debugger.ts";
import type { DebugSession } from "../debug/session.ts";
import type { Line, Size, Tone } from "./line.ts";
import { type DoLine, Screen, type Terminal } from "./screen.ts";

type Attributes = NonNullable<Parameters<terminalKit.ScreenBuffer["put"]>[0]["attr"]>;

const COLOURS: Readonly<Record<Tone, Attributes>> = {
  plain: {},
  bold: { bold: true },
  dim: { dim: true },
  added: { color: "green" },
  removed: { color: "red" },
  changed: { color: "yellow" },
  inverse: { inverse: true },
};

/** Without colours what is set apart is bold. */
const PLAIN: Readonly<Record<Tone, Attributes>> = {
  ...COLOURS,
  added: { bold: true },
  removed: { dim: true },
  changed: { bold: true },
};

/** How a session is shown and driven. */
export interface ScreenHost {
  readonly session: DebugSession;
  readonly shell: Debugger;
  readonly coloured: boolean;
  readonly doLine: DoLine;
  /** Stops what is being done. */
  interrupt(): void;
  /** Learns of what is said while something is done. */
  onProgress(show: (text: string) => void): void;
}

/** Shows a session on the whole terminal until the user leaves; the terminal is then as it was. */
export async function runScreen(host: ScreenHost): Promise<void> {
  const { terminal: term } = terminalKit;
  const canvas = new Canvas(host.coloured ? COLOURS : PLAIN);
  const restore = (): void => {
    term.grabInput(false);
    term.hideCursor(false);
    term.styleReset();
    term.fullscreen(false);
  };
  const killed = (): void => {
    restore();
    process.exit(143);
  };
  term.fullscreen(true);
  term.hideCursor();
  term.grabInput({});
  process.once("SIGTERM", killed);
  process.once("SIGHUP", killed);
  try {
    await new Promise<void>((resolve, reject) => {
      const screen = new Screen(
        host.session,
        canvas,
        host.doLine,
        (text) => host.shell.complete(text),
        resolve,
      );
      host.onProgress((text) => screen.progress(text));
      term.on("key", (name: string) => {
        if (name === "CTRL_C") host.interrupt();
        screen.key(name).catch(reject);
      });
      term.on("resize", () => {
        canvas.resize();
        screen.draw();
      });
      screen.draw();
    });
  } finally {
    process.off("SIGTERM", killed);
    process.off("SIGHUP", killed);
    term.removeAllListeners("key");
    term.removeAllListeners("resize");
    restore();
  }
}

/** The terminal as a screen draws on it: only cells that are others are sent. */
class Canvas implements Terminal {
  #buffer = newBuffer();

  constructor(private readonly tones: Readonly<Record<Tone, Attributes>>) {}

  get size(): Size {
    return { width: terminalKit.terminal.width, height: terminalKit.terminal.height };
  }

  resize(): void {
    terminalKit.terminal.clear();
    this.#buffer = newBuffer();
  }

  draw(lines: readonly Line[]): void {
    for (const [y, spans] of lines.entries()) {
      let x = 0;
      for (const { text, tone } of spans) {
        this.#buffer.put({ x, y, attr: this.tones[tone], wrap: false, dx: 1, dy: 0 }, escaped(text));
        x += text.length;
      }
    }
    this.#buffer.draw({ delta: true });
  }
}

const newBuffer = (): terminalKit.ScreenBuffer => new terminalKit.ScreenBuffer({ dst: terminalKit.terminal });

/** The library reads % and ^ as markup where a text has arguments. */
const escaped = (text: string): string => text.replaceAll("%", "%%");
