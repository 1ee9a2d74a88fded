/** Up to three names most like the one given, the likeliest first; none when nothing is near. */
export function closest(given: string, names: readonly string[]): readonly string[] {
  const wanted = given.toLowerCase()
  const near = names
    .map((name) => ({ name, cost: nearness(wanted, name.toLowerCase()) }))
    .filter(({ cost, name }) => cost <= Math.max(2, Math.floor(name.length / 3)))
    .sort((a, b) => a.cost - b.cost)
  return near
    .filter(({ cost }) => cost <= near[0]!.cost + 1)
    .slice(0, 3)
    .map(({ name }) => name)
}

function nearness(a: string, b: string): number {
  if (b.endsWith(`.${a}`) || b.startsWith(`${a}.`)) return 1
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}
