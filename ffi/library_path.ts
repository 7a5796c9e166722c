/**
 * Where the C library is: in the build folder beside this one.
 *
 * @module
 */

export const LIBRARY_PATH = new URL("../native/build/libperfprof.so", import.meta.url);
