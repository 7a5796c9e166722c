/** The ready handler, over a recording. */
export * from "../../templates/folded.ts";
