import { count } from "../text/numbers.ts";
import {
  drawLegend,
  drawSpace,
  escaped,
  PICTURE_HEIGHT,
  PICTURE_STYLE,
  PICTURE_WIDTH,
  type SpacePicture,
} from "./picture.ts";

/** One SVG file with all pictures, one below the other. */
export function* svgFile(pictures: readonly SpacePicture[]): Iterable<string> {
  const height = PICTURE_HEIGHT * pictures.length;
  yield `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${PICTURE_WIDTH} ${height}" width="${PICTURE_WIDTH}" height="${height}">\n`;
  yield `<style>${PICTURE_STYLE}</style>\n`;
  for (const [i, picture] of pictures.entries()) {
    yield `<g transform="translate(0 ${i * PICTURE_HEIGHT})">\n`;
    yield* lines(drawSpace(picture));
    if (i === 0) yield* lines(drawLegend());
    yield "</g>\n";
  }
  yield "</svg>\n";
}

/** A page that needs nothing else: a picture for each address space. */
export function* htmlPage(log: string, events: number, pictures: readonly SpacePicture[]): Iterable<string> {
  yield `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escaped(log)}: address spaces over time</title>
<style>
:root { color-scheme: light dark; }
body { font: 14px system-ui, sans-serif; margin: 2em auto; max-width: ${PICTURE_WIDTH}px; }
svg { width: 100%; height: auto; margin-bottom: 1em; }
${PICTURE_STYLE}</style>
<h1>${escaped(log)}</h1>
<p>${count(events)} events, ${count(pictures.length)} address spaces. Events go to the right, addresses up; each stretch
is as high as the logarithm of its size, and what is never mapped is drawn as a gap. Point at a mapping for its line of
maps and the events between which it was so; dashed lines are calls that were refused, and signals.</p>
`;
  for (const picture of pictures) {
    yield `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${PICTURE_WIDTH} ${PICTURE_HEIGHT}">\n`;
    yield* lines(drawLegend());
    yield* lines(drawSpace(picture));
    yield "</svg>\n";
  }
  yield "</html>\n";
}

function* lines(texts: Iterable<string>): Iterable<string> {
  for (const text of texts) yield `${text}\n`;
}
