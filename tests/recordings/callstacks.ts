/** The ready handler, over a recording. */
export * from "../../templates/callstacks.ts";
