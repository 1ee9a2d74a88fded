/** Codings that a client takes, by name, with how much it likes each: RFC 9110, section 12.5.3. */
function acceptedOf(field: string): ReadonlyMap<string, number> {
  const accepted = new Map<string, number>()
  for (const part of field.split(',')) {
    const [name = '', ...parameters] = part.split(';')
    const quality = parameters.map((each) => /^\s*q\s*=\s*([\d.]{1,5})\s*$/i.exec(each)?.[1]).find((each) => each !== undefined)
    if (name.trim() !== '') accepted.set(name.trim().toLowerCase(), quality === undefined ? 1 : Number(quality))
  }
  return accepted
}

/** The one of some codings that a client likes best, the first of those that it likes alike; undefined: it takes none. */
export function preferredOf<C extends string>(field: string | undefined, codings: readonly C[]): C | undefined {
  if (field === undefined) return undefined
  const accepted = acceptedOf(field)
  let [best, most]: [C | undefined, number] = [undefined, 0]
  for (const coding of codings) {
    const quality = accepted.get(coding) ?? accepted.get('*') ?? 0
    if (quality > most) [best, most] = [coding, quality]
  }
  return best
}

/** The same for all who are to get the same: which codings are taken, in an order of their own. */
export const codingsOf = (field: string): string =>
  Array.from(acceptedOf(field), ([name, quality]) => `${name}=${quality}`)
    .toSorted()
    .join()
