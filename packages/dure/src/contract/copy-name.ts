/**
 * What the copies of a service, or of a process, are called: the first as all of them are, `orders`, and then `orders#2`,
 * `orders#3`. No name of a service has a `#`.
 */
export function copyName(name: string, copy = 1): string {
  return copy === 1 ? name : `${name}#${copy}`
}

/** The service of a copy that is called so. */
export function serviceOfCopy(name: string): string {
  return name.split('#', 1)[0]!
}
