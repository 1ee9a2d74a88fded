/** Tests that users run on their own services. */
export const nothingYet = undefined
