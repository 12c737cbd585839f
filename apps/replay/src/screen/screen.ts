import type { Debugger } from "../debug/debugger.ts";
import type { DebugSession } from "../debug/session.ts";
import { processNumbers } from "../debug/verbs.ts";
import { HELP, KEYS, type Key, SCRUB } from "./keys.ts";
import { layout } from "./layout.ts";
import { fromStyled, type Line, line, type Size, span } from "./line.ts";
import { SessionView } from "./view.ts";

/** What a screen is drawn on, and where keys come from. */
export interface Terminal {
  readonly size: Size;
  draw(lines: readonly Line[]): void;
}

/** What the debugger printed while it did a line. */
export interface Told {
  readonly printed: string;
  readonly said: string;
}

/** Does a line of the debugger; tells whether the session goes on. */
export type DoLine = (line: string) => Promise<{ readonly goesOn: boolean } & Told>;

const BUTTONS =
  "s step  r back  n N process  c C stops  [ ] scrub  / ? search  g go to  : verbs  h help  q quit";

/** A debugger's session as a full screen: keys in, lines out. */
export class Screen {
  readonly #view: SessionView;
  readonly #keys: ReadonlyMap<string, Key>;
  #message: Line = [];
  #cover: { readonly title: string; readonly lines: readonly Line[] } | undefined;
  #asked: { readonly key: Key; readonly text: string } | undefined;
  /** Rows of the map above the first that is shown; undefined follows what has changed. */
  #scrolled: number | undefined;
  #coverScrolled = 0;
  #doing: Promise<void> = Promise.resolve();

  constructor(
    private readonly session: DebugSession,
    private readonly terminal: Terminal,
    private readonly doLine: DoLine,
    private readonly complete: Debugger["complete"],
    private readonly leave: () => void,
  ) {
    this.#view = new SessionView(session);
    this.#keys = new Map(KEYS.flatMap((key) => key.names.map((name) => [name, key] as const)));
  }

  draw(): void {
    const { size } = this.terminal;
    const cover = this.#cover && { ...this.#cover, lines: this.#cover.lines.slice(this.#coverScrolled) };
    const message = this.#asked
      ? [span(`${this.#asked.key.asks?.prompt} `, "bold"), span(`${this.#asked.text}█`)]
      : this.#message;
    const panes = { ...this.#view.panes(this.#scrolled), cover, message, keys: line(BUTTONS, "dim") };
    this.terminal.draw(layout(panes, size));
  }

  /** Shows how far a search is. */
  progress(text: string): void {
    this.#message = line(text, "dim");
    this.draw();
  }

  /** Takes a key; keys that come while another is done wait for it. */
  key(name: string): Promise<void> {
    this.#doing = this.#doing.then(() => this.#take(name)).then(() => this.draw());
    return this.#doing;
  }

  async #take(name: string): Promise<void> {
    if (this.#asked) return this.#answer(name);
    const scroll = { UP: -1, DOWN: 1, PAGE_UP: -10, PAGE_DOWN: 10 }[name];
    if (scroll !== undefined) return this.#scroll(scroll);
    if (name === "ESCAPE" || (this.#cover && name === "q")) {
      this.#cover = undefined;
      return;
    }
    if (name === "q") return this.leave();
    if (name === "h") return this.#help();
    if (name === "TAB") return this.#nextProcess();
    const part = SCRUB[name];
    if (part !== undefined) return this.#scrub(part);
    const key = this.#keys.get(name);
    if (key?.asks) this.#asked = { key, text: "" };
    else if (key?.line !== undefined) await this.#do(key.line, false);
  }

  async #answer(name: string): Promise<void> {
    const asked = this.#asked;
    if (!asked) return;
    if (name === "ENTER") {
      this.#asked = undefined;
      const verb = asked.key.asks?.verb ?? "";
      if (asked.text.trim() !== "") await this.#do(`${verb} ${asked.text}`.trim(), verb === "");
    } else if (name === "ESCAPE" || name === "CTRL_C") this.#asked = undefined;
    else if (name === "BACKSPACE") this.#asked = { ...asked, text: asked.text.slice(0, -1) };
    else if (name === "TAB") this.#completed(asked);
    else if (name.length === 1) this.#asked = { ...asked, text: asked.text + name };
  }

  /** As far as all that it may be agree. */
  #completed({ key, text }: { readonly key: Key; readonly text: string }): void {
    const verb = key.asks?.verb ?? "";
    const before = verb === "" ? "" : `${verb} `;
    const [candidates, word] = this.complete(before + text);
    const [first = ""] = candidates;
    let common = first;
    for (const one of candidates) while (!one.startsWith(common)) common = common.slice(0, -1);
    if (common.length > word.length)
      this.#asked = { key, text: text.slice(0, text.length - word.length) + common };
  }

  /** @param covers what it prints is to be read */
  async #do(text: string, covers: boolean): Promise<void> {
    const { goesOn, printed, said } = await this.doLine(text);
    if (!covers) this.#scrolled = undefined;
    this.#cover = undefined;
    this.#message = fromStyled(
      said
        .trimEnd()
        .split("\n")
        .at(-1)
        ?.replace(/^pagetrail: /, "") ?? "",
    );
    const lines = printed.trimEnd().split("\n");
    if (covers && (lines.length > 1 || (lines[0] ?? "") !== "")) {
      this.#cover = { title: `${text} (Esc takes it away)`, lines: lines.map(fromStyled) };
      this.#coverScrolled = 0;
    }
    if (!goesOn) this.leave();
  }

  #scroll(by: number): void {
    if (this.#cover) this.#coverScrolled = clamp(this.#coverScrolled + by, this.#cover.lines.length - 1);
    else this.#scrolled = clamp((this.#scrolled ?? 0) + by, this.#rows() - 1);
  }

  #rows(): number {
    return this.#view.panes(0).space(this.terminal.size).total;
  }

  #help(): void {
    const width = Math.max(...HELP.map(([keys]) => keys.length));
    const lines = HELP.map(([keys, what]) => [span(keys.padEnd(width + 2), "bold"), span(what)]);
    this.#cover = { title: "keys (Esc takes them away)", lines };
    this.#coverScrolled = 0;
  }

  async #scrub(part: number): Promise<void> {
    const { first, last } = this.session.log.timeline;
    const by = Math.sign(part) * Math.max(1, Math.round(Math.abs(part) * (last - first)));
    await this.#do(`goto ${Math.min(last, Math.max(first, this.session.seq + by))}`, false);
  }

  async #nextProcess(): Promise<void> {
    const pids = processNumbers(this.session);
    const next = pids[(pids.indexOf(String(this.session.pid)) + 1) % Math.max(1, pids.length)];
    if (next !== undefined) await this.#do(`process ${next}`, false);
  }
}

const clamp = (value: number, most: number): number => Math.max(0, Math.min(value, most));
