/** The ready handler, over a recording. */
export * from "../../templates/combined.ts";
