/** The field Vary, with one more name in it. */
export function withVary(before: string | undefined, name: string): string {
  if (before === undefined) return name
  const names = before.toLowerCase().split(',')
  return names.some((each) => each.trim() === name || each.trim() === '*') ? before : `${before}, ${name}`
}
