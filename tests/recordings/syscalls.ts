/** The ready handler, over a recording. */
export * from "../../templates/syscalls.ts";
