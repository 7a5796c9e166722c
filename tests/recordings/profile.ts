/** The ready handler, over a recording. */
export * from "../../templates/profile.ts";
