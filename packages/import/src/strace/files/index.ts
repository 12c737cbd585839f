export { Descriptors, type DescriptorsOptions } from "./descriptors.ts";
export type { FdAnnotation, ResolvePath } from "./file-store.ts";
export { DEFAULT_PATH_KINDS, type FileKind, kindOfPath, type PathKinds } from "./kinds.ts";
export type { NameChange, NameListener } from "./names.ts";
export type { FileAccess, OpenFileInfo, Seal } from "./open-file.ts";
export { joinPath, mapsPath } from "./paths.ts";
