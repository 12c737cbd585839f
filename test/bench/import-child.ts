import { chunksOf, importerInto, recordingText } from "./recording.ts";

/** How far apart the pids of one repetition are from those of the next. */
const STRIDE = 100_000;

/** The recording again and again, each time as other processes, until there are `bytes` of it. */
function* repeated(bytes: number): Iterable<string> {
  const text = recordingText();
  const pids = [...new Set(text.match(/^\d+/gm))];
  const pattern = new RegExp(`\\b(?:${pids.join("|")})\\b`, "g");
  for (let done = 0, n = 0; done < bytes; done += text.length, n++)
    yield* chunksOf(text.replace(pattern, (pid) => String(Number(pid) + n * STRIDE)));
}

const megabytes = Number(process.argv[2]);
const importer = importerInto({ start: () => undefined, event: () => undefined });
for (const chunk of repeated(megabytes * 1e6)) importer.push(chunk);
importer.end();
console.log(process.resourceUsage().maxRSS / 1024);
