/** The ready handler, over a recording. */
export * from "../../templates/kmemleak.ts";
