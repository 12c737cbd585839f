import { join } from "node:path";
import { importCase, replayLines } from "/work/main/test/recorded/import-case.ts";
import { loadCase, recordedDir, normalMaps } from "/work/main/test/recorded/truth.ts";
const [name, limit="1"] = process.argv.slice(2);
const c = loadCase(join(recordedDir, name!));
const imp = importCase(c, { laws: false });
const ours = new Map<number, any>(); const last = new Map<number,string>();
for (const l of replayLines(imp)) { if (l.maps !== null) last.set(l.pid, l.maps); ours.set(l.line!, { ...l, text: last.get(l.pid) }); }
const idx = new Map<string, any>(); for (const k of c.calls) idx.set(k.tid + "/" + k.n, k);
const cur = new Map<number, any>(); let shown = 0;
const raw = new Map<number,string>();
for (const t of c.truth) {
  const m: any = t.maps;
  if (typeof m === "string" && m !== "same" && m !== "skip") raw.set(t.mm!, m);
  if (t.ev !== "sys") continue;
  const k = idx.get(t.tid + "/" + t.n); if (!k) continue;
  const e = ours.get(k.end) ?? ours.get(k.line);
  if (m === "skip" || (m && typeof m === "object")) continue;
  const tr = raw.get(t.mm!); if (tr === undefined) continue;
  const a = normalMaps(tr), b = e?.text === undefined ? [] : normalMaps(e.text);
  if (JSON.stringify(a) !== JSON.stringify(b)) {
    console.log("line", k.end, t.name, t.ret, "ours:", e?.call, e?.outcome, e?.predicted);
    const A = new Set(a), B = new Set(b);
    for (const x of a) if (!B.has(x)) console.log("  truth", x);
    for (const x of b) if (!A.has(x)) console.log("  ours ", x);
    console.log("   ", c.strace.split("\n")[k.line-1]?.slice(0,200), "|", c.strace.split("\n")[k.end-1]?.slice(0,150));
    if (++shown >= Number(limit)) break;
  }
}
