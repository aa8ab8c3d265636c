/** Exit codes of the commands. */

/** Something failed while it ran. */
export const EXIT_FAILED = 1;
/** The arguments, variables or addresses cannot be used: trying again as it is would be in vain. */
export const EXIT_UNUSABLE = 2;
