/** The events of every test log: not plain ASCII, and each knows its place. */
export const eventAt = (seq: number): { readonly seq: number; readonly call: string } => ({
  seq,
  call: `munmap("é", 0x7f0000${seq}000) = 0`,
});
