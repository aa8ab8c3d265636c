/** The version of this program, as in package.json: a bundle has no file to read it from. */
export const VERSION = "0.1.0";
