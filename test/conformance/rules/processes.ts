import { CHILDREN, type Child } from "@pagetrail/conformance";
import { type Need, ruleFor } from "./rule.ts";

const kind = (name: Child["name"]): Child => {
  const child = CHILDREN.find((one) => one.name === name);
  if (!child) throw new Error(`there is no ${name} process`);
  return child;
};

/** A 64-bit process without randomisation, whose mappings go downward. */
export const PLAIN = kind("plain");
/** The same whose mappings go upward: ADDR_COMPAT_LAYOUT. */
export const BOTTOM_UP = kind("bottom-up");
/** A 32-bit process. */
export const NARROW = kind("32-bit");
export const NARROW_BOTTOM_UP = kind("32-bit bottom-up");

export const rule = ruleFor(PLAIN);

/** Rules that say what is refused without a capability, or granted with it, need root to show both. */
export const ROOT: Need = ({ profile: { capabilities } }) =>
  capabilities.ipcLock && capabilities.sysRawio ? undefined : "not run as root";

export const NO_SYS_RESOURCE: Need = ({ profile: { capabilities } }) =>
  capabilities.sysResource ? "this process has CAP_SYS_RESOURCE" : undefined;

/** Large mappings of files are aligned only on some file systems. */
export const DISK: Need = ({ fileKind }) =>
  fileKind === "disk" ? undefined : "the folder for temporary files is on no ext4, xfs or btrfs";

export const EMPTY_POOL: Need = ({ profile }) =>
  profile.sysctl.hugePages === 0 ? undefined : "this machine has huge pages in its pool";

/** A limit many times the usual one takes many times as long to reach. */
export const FILLABLE: Need = ({ profile }) =>
  profile.sysctl.maxMapCount <= 200_000 ? undefined : `vm.max_map_count is ${profile.sysctl.maxMapCount}`;
