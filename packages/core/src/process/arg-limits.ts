import { done, PAGE_SIZE, type Result, refuse } from "../base/index.ts";
import type { Rlimits } from "../mm/index.ts";
import type { ArgSizes } from "./setup-arg-pages.ts";

/** Three quarters of _STK_LIM: however large the stack may be. */
const MOST_BYTES = 6 * 2 ** 20;
/** ARG_MAX: however small it may be. */
const FEWEST_BYTES = 131_072;
/** MAX_ARG_STRLEN: bytes of one string, its NUL included. */
const MAX_ARG_STRLEN = 131_072;
const POINTER = 8;
/** Zeros above the strings. */
const ABOVE = 8;

/** A program gets at least one argument, an empty one where the caller gave none: do_execveat_common. */
export const withFirstArgument = (sizes: ArgSizes): ArgSizes =>
  sizes.argc === 0 ? { ...sizes, argc: 1, argBytes: 1 } : sizes;

/**
 * Whether strings and the pointers to them stay within a quarter of RLIMIT_STACK, as they are copied into the
 * new stack, which grows below them.
 *
 * @param argc the arguments of the caller, before a script's interpreter added its own
 * @refuses E2BIG
 * @kernel bprm_stack_limits, copy_strings, get_arg_page, fs/exec.c (6.18)
 */
export function checkArgLimits({ stack, as }: Rlimits, sizes: ArgSizes, argc = sizes.argc): Result<void> {
  const most = Math.max(Math.min(MOST_BYTES, Math.floor(stack.soft / 4)), FEWEST_BYTES);
  const room = most - POINTER * (Math.max(argc, 1) + sizes.envc);
  if (room <= 0) return refuse("E2BIG", "too many arguments and variables");
  if ((sizes.longest ?? 0) > MAX_ARG_STRLEN) return refuse("E2BIG", "a string is longer than 128 KiB");
  const bytes = sizes.nameBytes + sizes.argBytes + sizes.envBytes;
  if (bytes > room) return refuse("E2BIG", "arguments and environment pass a quarter of RLIMIT_STACK");
  const pages = Math.ceil((bytes + ABOVE) / PAGE_SIZE);
  if (pages > 1 && (pages * PAGE_SIZE > stack.soft || pages > Math.floor(as.soft / PAGE_SIZE)))
    return refuse("E2BIG", "the stack cannot grow to hold the arguments: RLIMIT_STACK or RLIMIT_AS");
  return done;
}
