/** Staying up while others are down: the first rooms of the kit (retry budget, ejection, bulkhead). */
export const nothingYet = undefined
