/** A moment as it travels, from milliseconds since the epoch. */
export const momentOf = (time: number): string => new Date(time).toISOString()

export const timeOf = (moment: string): number => Date.parse(moment)

/** `momentOf`, where there may be none. */
export const maybeMoment = (time: number | null): string | undefined => (time === null ? undefined : momentOf(time))
