/** Flat keys: `a.b[0].c`, and in brackets whole what has dots of its own: `a[x.y]`. */

/** The key of a named part. */
export function keyAt(key: string, name: string): string {
  return key === '' || name.startsWith('[') ? `${key}${name}` : `${key}.${name}`
}
