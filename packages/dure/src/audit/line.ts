/** The largest that a line may be, in bytes of JSON, … */
export const LONGEST = 16_384
/** … and each of its names, in characters. */
export const LONGEST_NAME = 200
