/** The ready handler, over a recording. */
export * from "../../templates/blktrace.ts";
