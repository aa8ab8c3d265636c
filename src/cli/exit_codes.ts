/** Exit codes of the commands. */

/** Something failed while it ran. */
export const EXIT_FAILED = 1;
/** The arguments, variables or addresses cannot be used: a retry without a change would fail again. */
export const EXIT_UNUSABLE = 2;
