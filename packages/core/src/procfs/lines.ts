/** A size as the kernel's text files print it: kilobytes in eight columns, and the line's end. */
export const inKilobytes = (kb: number): string => `${String(kb).padStart(8)} kB\n`;

/** Kilobytes of so many pages. */
export const kbOfPages = (pages: number): number => pages * 4;
