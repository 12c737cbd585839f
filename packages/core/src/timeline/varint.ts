/** Whole numbers as bytes: seven bits each, the lowest first, the eighth set while more follow. Up to 2^53. */
export class VarintWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** A number that is not negative. */
  unsigned(n: number): void {
    this.#makeRoom(8);
    let rest = n;
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  signed(n: number): void {
    this.unsigned(n < 0 ? -2 * n - 1 : 2 * n);
  }

  /** What another has written. */
  append(bytes: Uint8Array): void {
    this.#makeRoom(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #makeRoom(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const more = new Uint8Array(2 * (this.#length + bytes));
    more.set(this.#bytes);
    this.#bytes = more;
  }

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

export class VarintReader {
  constructor(
    private readonly bytes: Uint8Array,
    public at = 0,
  ) {}

  unsigned(): number {
    let byte = this.bytes[this.at++] as number;
    let n = byte % 128;
    for (let scale = 128; byte >= 128; scale *= 128) {
      byte = this.bytes[this.at++] as number;
      n += (byte % 128) * scale;
    }
    return n;
  }

  signed(): number {
    const n = this.unsigned();
    return n % 2 === 0 ? n / 2 : -(n + 1) / 2;
  }
}
