/** What is put into a text. */
export type Given = Readonly<Record<string, string | number>>

/**
 * Puts what is given into the places of a text: `{count}` becomes the value itself, `{count:letter|letters}` the word that fits it. One is what
 * reads as `1`; languages without a plural have no such place.
 */
export const fill = (text: string, given: Given): string =>
  text.replaceAll(/\{(\w+)(?::([^{}|]*)\|([^{}|]*))?\}/g, (whole, name: string, one?: string, more?: string) => {
    const value = given[name]
    if (value === undefined) return whole
    return String((one === undefined ? value : String(value) === '1' ? one : more) ?? '')
  })
